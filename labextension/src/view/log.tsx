import { useEffect, useMemo, useRef, useState } from 'react';

import type { IError, IMessage } from '../model/runs';
import { trans } from '../text';

const LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'];
/** Messages that are drawn; of a longer log the newest. */
const SHOWN = 1000;

/** The traceback of the user's own error; around it is only the engine. */
function told(error: IError): string {
  let root = error;
  while (root.cause) {
    root = root.cause;
  }
  return [...root.stack, root.message].join('').trimEnd();
}

/** The log, newest last, filtered by text, step, kind of event and level; follows its end until somebody scrolls up. */
export function Log(props: { messages: IMessage[] }): JSX.Element {
  const { messages } = props;
  const [search, setSearch] = useState('');
  const [step, setStep] = useState('');
  const [level, setLevel] = useState('DEBUG');
  const [errors, setErrors] = useState(false);
  const box = useRef<HTMLOListElement>(null);
  const follows = useRef(true);
  const steps = useMemo(() => [...new Set(messages.flatMap(one => one.stepKey ?? []))], [messages]);
  const wanted = search.toLowerCase();
  const found = messages.filter(
    message =>
      (!errors || message.level === 'ERROR' || message.level === 'CRITICAL' || message.error) &&
      (!step || message.stepKey === step) &&
      LEVELS.indexOf(message.level) >= LEVELS.indexOf(level) &&
      `${message.message} ${message.stepKey} ${message.eventType}`.toLowerCase().includes(wanted)
  );
  const shown = found.slice(-SHOWN);
  useEffect(() => {
    if (box.current && follows.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [shown.length]);
  return (
    <section aria-label={trans.__('Log')}>
      <h2>{trans.__('Log')}</h2>
      <div className="cm-toolbar cm-flush">
        <input
          type="search"
          className="cm-search"
          placeholder={trans.__('Filter')}
          aria-label={trans.__('Filter the log')}
          value={search}
          onChange={event => setSearch(event.target.value)}
        />
        {steps.length > 1 && (
          <select className="cm-select" aria-label={trans.__('Step')} value={step} onChange={event => setStep(event.target.value)}>
            <option value="">{trans.__('every step')}</option>
            {steps.map(key => (
              <option key={key}>{key}</option>
            ))}
          </select>
        )}
        <select className="cm-select" aria-label={trans.__('Level')} value={level} onChange={event => setLevel(event.target.value)}>
          {LEVELS.map(name => (
            <option key={name} value={name}>
              {name === 'DEBUG' ? trans.__('every level') : trans.__('%1 and above', name.toLowerCase())}
            </option>
          ))}
        </select>
        <label>
          <input type="checkbox" checked={errors} onChange={event => setErrors(event.target.checked)} /> {trans.__('errors only')}
        </label>
      </div>
      {found.length > SHOWN && <p className="cm-when">{trans.__('The newest %1 of %2 messages.', SHOWN, found.length)}</p>}
      <ol
        ref={box}
        className="cm-log"
        aria-live="polite"
        tabIndex={0}
        aria-label={trans.__('Messages')}
        onScroll={event => {
          const { scrollTop, clientHeight, scrollHeight } = event.currentTarget;
          follows.current = scrollTop + clientHeight > scrollHeight - 20;
        }}
      >
        {shown.map((message, i) => (
          <li key={i} className={`cm-level-${message.level.toLowerCase()}`}>
            <time>{new Date(Number(message.timestamp)).toLocaleTimeString()}</time>
            <span className="cm-event">{message.eventType ?? message.level}</span>
            <span className="cm-step">{message.stepKey}</span>
            <span className="cm-message">
              {message.message}
              {message.error && <pre>{told(message.error)}</pre>}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
