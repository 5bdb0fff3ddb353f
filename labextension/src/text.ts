/** The words of the screens, in the language of JupyterLab; as they are written here where no translation is at hand. */

import type { TranslationBundle } from '@jupyterlab/translation';

export type IWords = Pick<TranslationBundle, '__' | '_n'>;

/** Put values into a text: `%1` is the first. */
function filled(text: string, values: unknown[]): string {
  return text.replace(/%(\d+)/g, (found, at) => String(values[Number(at) - 1] ?? found));
}

/** The words as they are written. */
export const asWritten: IWords = {
  __: (text, ...values) => filled(text, values),
  _n: (one, many, n, ...values) => filled(n === 1 ? one : many, [n, ...values])
};

let words: IWords = asWritten;

/** Speak from now on in the language of a bundle. */
export function speak(bundle: IWords): void {
  words = bundle;
}

/** Looks a text up at the moment when it is shown, so that nothing is kept in another language. */
export const trans: IWords = {
  __: (text, ...values) => words.__(text, ...values),
  _n: (one, many, n, ...values) => words._n(one, many, n, ...values)
};
