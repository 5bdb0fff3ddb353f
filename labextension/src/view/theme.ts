/** Whether the screens are dark now: the Lab's theme, on a page of their own that of the reader's system. */
export function isDark(): boolean {
  const light = document.body.dataset.jpThemeLight;
  return light === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : light === 'false';
}
