import { autocompletion, Completion, CompletionContext, CompletionResult, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { HighlightStyle, indentUnit, StreamLanguage, syntaxHighlighting } from '@codemirror/language';
import { yaml } from '@codemirror/legacy-modes/mode/yaml';
import { lintGutter, setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { EditorView, keymap, lineNumbers, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';

import { placeAt } from '../model/config';
import type { IMistake } from '../model/launch';
import { ISchema, keyChoices, valueChoices } from '../model/schema';

/** Colours of the theme that is on; JupyterLab's own where there is one. */
const COLOURS = HighlightStyle.define([
  { tag: [tags.atom, tags.definition(tags.variableName), tags.propertyName], color: 'var(--cm-running)' },
  { tag: tags.string, color: 'var(--cm-fresh)' },
  { tag: tags.number, color: 'var(--cm-external)' },
  { tag: tags.comment, color: 'var(--jp-ui-font-color2, #616161)', fontStyle: 'italic' }
]);

const LOOK = EditorView.theme({
  '&': { maxHeight: '26rem', background: 'var(--jp-layout-color0, #fff)', color: 'inherit' },
  '.cm-scroller': { fontFamily: 'var(--jp-code-font-family, monospace)', lineHeight: '1.5' },
  '.cm-content, .cm-gutter': { minHeight: '11rem' },
  '.cm-content': { caretColor: 'currentcolor' },
  '.cm-placeholder': { color: 'var(--jp-ui-font-color2, #616161)' },
  '.cm-gutters': { background: 'var(--jp-layout-color2, #f5f5f5)', color: 'var(--jp-ui-font-color2, #616161)', border: '0' },
  '.cm-tooltip': { background: 'var(--jp-layout-color1, #fff)', color: 'inherit', border: '1px solid var(--jp-border-color2, #bbb)' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    background: 'var(--jp-brand-color1, #1565c0)',
    color: 'var(--jp-ui-inverse-font-color1, #fff)'
  }
});

/** An editor of YAML or JSON that completes what the schema knows, and shows mistakes at their lines. */
export function ConfigEditor(props: {
  label: string;
  value: string;
  hint: string;
  schema: ISchema | null;
  mistakes: readonly IMistake[];
  describedBy: string;
  onChange(text: string): void;
}): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>();
  const now = useRef(props);
  now.current = props;
  useEffect(() => {
    const made = new EditorView({
      parent: box.current ?? undefined,
      state: EditorState.create({
        doc: now.current.value,
        extensions: [
          lineNumbers(),
          lintGutter(),
          history(),
          indentUnit.of('  '),
          StreamLanguage.define(yaml),
          syntaxHighlighting(COLOURS),
          autocompletion({ override: [context => complete(context, now.current.schema)] }),
          keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap]),
          placeholder(now.current.hint),
          EditorView.contentAttributes.of({ 'aria-label': now.current.label, 'aria-describedby': now.current.describedBy }),
          EditorView.updateListener.of(update => update.docChanged && now.current.onChange(update.state.doc.toString())),
          LOOK
        ]
      })
    });
    view.current = made;
    return () => made.destroy();
  }, []);
  useEffect(() => {
    const made = view.current;
    if (made && made.state.doc.toString() !== props.value) {
      made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: props.value } });
    }
  }, [props.value]);
  useEffect(() => {
    const made = view.current;
    if (made) {
      const found = props.mistakes.map(one => {
        const line = made.state.doc.line(Math.min(Math.max(1, one.line), made.state.doc.lines));
        const from = line.from + Math.max(0, line.text.search(/\S/));
        return { from, to: line.to, severity: 'error' as const, message: one.message };
      });
      made.dispatch(setDiagnostics(made.state, found));
    }
  }, [props.mistakes]);
  return <div ref={box} className="cm-config" data-invalid={props.mistakes.length > 0} />;
}

/** What can be written at the cursor. */
function complete(context: CompletionContext, schema: ISchema | null): CompletionResult | null {
  const place = schema && placeAt(context.state.doc.toString(), context.pos);
  if (!schema || !place || (place.from === context.pos && !context.explicit)) {
    return null;
  }
  const choices = place.isValue ? valueChoices(schema, place.path) : keyChoices(schema, place.path, place.beside);
  const options = choices.map<Completion>((choice, i) => ({
    label: choice.label,
    detail: choice.detail,
    info: choice.info || undefined,
    type: choice.isKey ? 'property' : 'constant',
    boost: -i,
    apply: written(choice.label, choice.isKey, place.isJson)
  }));
  return options.length ? { from: place.from, options } : null;
}

/** A name or a value as the language wants it. */
function written(label: string, isKey: boolean, isJson: boolean): string {
  if (isKey) {
    return isJson ? `"${label}": ` : `${label}: `;
  }
  return isJson && !/^(true|false|null|-?[\d.]+)$/.test(label) ? JSON.stringify(label) : label;
}
