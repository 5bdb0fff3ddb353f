import { ISignal } from '@lumino/signaling';
import { useCallback, useEffect, useReducer, useRef, useState } from 'react';

/** Render again whenever one of the signals is emitted. */
export function useSignals(...signals: ISignal<unknown, unknown>[]): void {
  const [, again] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    const slot = () => again();
    signals.forEach(signal => signal.connect(slot));
    return () => signals.forEach(signal => signal.disconnect(slot));
    // The signals of a model live as long as the model.
  }, []);
}

export interface ILoaded<T> {
  value: T | null;
  problem: string | null;
  again(): void;
}

/** The result of `load`, fetched at first, when `dependencies` change, and on `again()`; never that of other dependencies. */
export function useLoaded<T>(load: () => Promise<T>, dependencies: unknown[]): ILoaded<T> {
  const [loaded, setLoaded] = useState<{ by: unknown; value: T | null; problem: string | null }>(NOTHING);
  const turn = useRef(0);
  const again = useCallback(() => {
    const mine = ++turn.current;
    load().then(
      value => {
        if (mine === turn.current) {
          setLoaded({ by: again, value, problem: null });
        }
      },
      error => {
        if (mine === turn.current) {
          const problem = error instanceof Error ? error.message : String(error);
          setLoaded(before => ({ by: again, value: before.by === again ? before.value : null, problem }));
        }
      }
    );
  }, dependencies);
  useEffect(() => {
    again();
    return () => {
      turn.current++;
    };
  }, [again]);
  const { value, problem } = loaded.by === again ? loaded : NOTHING;
  return { value, problem, again };
}

const NOTHING = { by: null, value: null, problem: null };
