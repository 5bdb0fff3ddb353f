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

/** The result of `load`, fetched at first, when `dependencies` change, and on `again()`. */
export function useLoaded<T>(load: () => Promise<T>, dependencies: unknown[]): ILoaded<T> {
  const [value, setValue] = useState<T | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const turn = useRef(0);
  const again = useCallback(() => {
    const mine = ++turn.current;
    load().then(
      result => {
        if (mine === turn.current) {
          setValue(result);
          setProblem(null);
        }
      },
      error => {
        if (mine === turn.current) {
          setProblem(error instanceof Error ? error.message : String(error));
        }
      }
    );
  }, dependencies);
  useEffect(() => {
    setValue(null);
    again();
    return () => {
      turn.current++;
    };
  }, [again]);
  return { value, problem, again };
}
