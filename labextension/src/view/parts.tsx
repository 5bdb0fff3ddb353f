/** Small parts that every screen shares. */

import type { ReactNode } from 'react';

import { AssetState, stateWord } from '../model/graph';

/** What a screen shows: enough to open it again after a reload. */
export interface IScreen {
  screen: 'lineage' | 'asset' | 'runs' | 'run' | 'automation' | 'launchpad' | 'backfills' | 'deployment';
  what: string;
  /** The part of an asset's page that is brought into sight. */
  part?: 'compare';
}

export const SCREENS: readonly IScreen['screen'][] = [
  'lineage',
  'asset',
  'runs',
  'run',
  'automation',
  'launchpad',
  'backfills',
  'deployment'
];

/** What a screen can ask of the shell around it. */
export interface INavigator {
  /** An asset's page, or a part of it: `compare` shows its last two materializations side by side. */
  openAsset(key: string, part?: 'compare'): void;
  openRun(runId: string): void;
  openLineage(focus?: string): void;
  openRuns(): void;
  openAutomation(): void;
  openLaunchpad(selection?: string): void;
  /** Backfills, with an asset to start one of. */
  openBackfills(asset?: string): void;
  openDeployment(): void;
  /** Show the cell of a notebook; absent where no notebook can be shown. */
  openCell?(path: string, cellId: string | null): void;
  /** Tell something; of a run, with a way to it. */
  notify(message: string, kind: 'info' | 'error' | 'success', runId?: string): void;
}

/** A dot and, unless `quiet`, the word for the state; the reason is its tooltip. */
export function StateBadge(props: { state: AssetState; reason?: string; quiet?: boolean }): JSX.Element {
  const word = stateWord(props.state);
  const title = props.reason ? `${word}: ${props.reason}` : word;
  return (
    <span className={`cm-state cm-state-${props.state.toLowerCase()}`} title={title}>
      <span className="cm-dot" aria-hidden="true" />
      <span className={props.quiet ? 'cm-hidden' : ''}>{word}</span>
    </span>
  );
}

/** The status of a run, a step or a tick, as a coloured word. */
export function StatusWord(props: { status: string | null }): JSX.Element {
  const status = (props.status ?? 'WAITING').toLowerCase().replace(/_/g, ' ');
  return <span className={`cm-status cm-status-${status.replace(/ /g, '-')}`}>{status}</span>;
}

/** A message in place of content: an empty list that teaches, or a failure that says what to do. */
export function Note(props: { kind?: 'empty' | 'problem' | 'wait'; children: ReactNode }): JSX.Element {
  const kind = props.kind ?? 'empty';
  return (
    <div className={`cm-note cm-note-${kind}`} role={kind === 'problem' ? 'alert' : 'status'}>
      {props.children}
    </div>
  );
}

/** The name that is read aloud: it holds the words that are seen, so that they can be spoken to press the button. */
function spoken(label: string, title?: string): string {
  if (!title || !/[a-z]/i.test(label)) {
    return title ?? label;
  }
  return title.toLowerCase().includes(label.toLowerCase()) ? title : `${label}: ${title}`;
}

/** A button with a name for screen readers and a tooltip. */
export function Button(props: {
  label: string;
  title?: string;
  primary?: boolean;
  disabled?: boolean;
  pressed?: boolean;
  /** It leads to where one is: the page itself, or something within it. */
  current?: 'page' | 'true';
  tabIndex?: number;
  onClick(): void;
}): JSX.Element {
  return (
    <button
      type="button"
      tabIndex={props.tabIndex}
      aria-pressed={props.pressed}
      aria-current={props.current}
      className={props.primary ? 'cm-button cm-primary' : 'cm-button'}
      title={props.title ?? props.label}
      aria-label={spoken(props.label, props.title)}
      disabled={props.disabled}
      onClick={event => {
        event.stopPropagation();
        props.onClick();
      }}
    >
      {props.label}
    </button>
  );
}

/** Text that looks and behaves like a link, and is a button for the keyboard. */
export function Jump(props: { children: ReactNode; title?: string; onClick(): void }): JSX.Element {
  return (
    <button type="button" className="cm-jump" title={props.title} onClick={props.onClick}>
      {props.children}
    </button>
  );
}
