/** The text of a run configuration, YAML or JSON: its values, its lines, and where somebody writes in it. */

import { Document, isMap, isScalar, isSeq, LineCounter, Node, parseDocument } from 'yaml';

export interface IParsed {
  value: unknown;
  /** What is wrong with the text itself, and on which line. */
  problem: { message: string; line: number } | null;
}

export function readConfig(text: string): IParsed {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [error] = document.errors;
  if (error) {
    return { value: null, problem: { message: error.message.split('\n')[0], line: error.linePos?.[0].line ?? 1 } };
  }
  return { value: document.toJS() ?? {}, problem: null };
}

/** The line, counted from 1, on which a path of keys ends, or the nearest above it that is there. */
export function lineOf(text: string, path: readonly string[]): number {
  const lines = new LineCounter();
  let node: unknown = parseDocument(text, { lineCounter: lines }).contents;
  let at = 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(one => isScalar(one.key) && String(one.key.value) === part);
      at = (pair?.key as Node | undefined)?.range?.[0] ?? at;
      node = pair?.value;
    } else if (isSeq(node)) {
      node = node.items[Number(part)];
      at = (node as Node | undefined)?.range?.[0] ?? at;
    } else {
      break;
    }
  }
  return lines.linePos(at).line || 1;
}

/** The text with another value at a path, the rest and its comments as they were; `undefined` takes it out. */
export function withValue(text: string, path: readonly string[], value: unknown): string {
  const document = text.trim() ? parseDocument(text) : new Document({});
  if (!isMap(document.contents)) {
    document.contents = document.createNode({}) as typeof document.contents;
  }
  if (value !== undefined) {
    document.setIn(path, document.createNode(value));
  } else {
    document.deleteIn(path);
    // What nothing is left in was only there for what is taken out.
    for (let depth = path.length - 1; depth > 0; depth--) {
      const above = document.getIn(path.slice(0, depth), true);
      if (!isMap(above) || above.items.length) {
        break;
      }
      document.deleteIn(path.slice(0, depth));
    }
  }
  return isMap(document.contents) && !document.contents.items.length ? '' : document.toString({ lineWidth: 0 });
}

/** The same configuration as YAML, or as JSON. */
export function asLanguage(text: string, language: 'yaml' | 'json'): string {
  const { value, problem } = readConfig(text);
  if (problem || !text.trim()) {
    return text;
  }
  return language === 'json' ? `${JSON.stringify(value, null, 2)}\n` : new Document(value).toString({ lineWidth: 0 });
}

export interface IPlace {
  /** The keys above the word at the cursor; of a value, its own key too. */
  path: string[];
  isValue: boolean;
  /** Where the word begins. */
  from: number;
  /** The keys beside it. */
  beside: string[];
  /** Whether names are written in quotes here. */
  isJson: boolean;
}

/** Where a cursor stands: in the value of which key, or among which keys. */
export function placeAt(text: string, offset: number): IPlace | null {
  return /^\s*\{/.test(text) ? placeInJson(text, offset) : placeInYaml(text, offset);
}

const KEY = /^(\s*(?:- +)*)(?:"([^"]*)"|'([^']*)'|([^\s:#'"][^:#]*?))\s*:(?:\s|$)/;

function placeInYaml(text: string, offset: number): IPlace | null {
  const lines = text.slice(0, offset).split('\n');
  const line = lines.pop() ?? '';
  const behind = text.slice(offset).split('\n').slice(1);
  const value = /^(\s*(?:- +)*)([^\s:#][^:#]*):\s+(\S*)$/.exec(line);
  const key = /^(\s*(?:- +)*)([\w./-]*)$/.exec(line);
  const found = value ?? key;
  if (!found) {
    return null;
  }
  const indent = found[1].length;
  const path: string[] = [];
  let limit = indent;
  for (const above of [...lines].reverse()) {
    const match = KEY.exec(above);
    if (match && match[1].length < limit) {
      path.unshift(match[2] ?? match[3] ?? match[4]);
      limit = match[1].length;
    }
  }
  const beside = [...siblings([...lines].reverse(), indent), ...siblings(behind, indent)];
  if (value) {
    return { path: [...path, value[2]], isValue: true, from: offset - value[3].length, beside, isJson: false };
  }
  return { path, isValue: false, from: offset - found[2].length, beside, isJson: false };
}

/** The keys of an indentation on the lines of a direction, until a line that stands further left. */
function siblings(lines: readonly string[], indent: number): string[] {
  const found: string[] = [];
  for (const line of lines) {
    if (line.trim() && line.search(/\S/) < indent) {
      break;
    }
    const match = KEY.exec(line);
    if (match && match[1].length === indent) {
      found.push(match[2] ?? match[3] ?? match[4]);
    }
  }
  return found;
}

function placeInJson(text: string, offset: number): IPlace | null {
  const open: { isMap: boolean; key: string; keys: string[] }[] = [];
  let isValue = false;
  let last = '';
  const tokens = /"((?:[^"\\]|\\.)*)"?|[{}[\],:]|[^\s{}[\],:"]+/g;
  let from = offset;
  for (let token = tokens.exec(text); token && token.index < offset; token = tokens.exec(text)) {
    if (tokens.lastIndex >= offset && !/^[{}[\],:]/.test(token[0])) {
      from = token.index;
      break;
    }
    const top = open[open.length - 1];
    if (token[0] === '{' || token[0] === '[') {
      open.push({ isMap: token[0] === '{', key: '', keys: [] });
      isValue = token[0] === '[';
    } else if (token[0] === '}' || token[0] === ']') {
      open.pop();
    } else if (token[0] === ':' && top) {
      top.key = last;
      top.keys.push(last);
      isValue = true;
    } else if (token[0] === ',') {
      isValue = !(top?.isMap ?? true);
    } else {
      last = token[1] ?? token[0];
    }
  }
  if (!open.length) {
    return null;
  }
  const above = open.slice(0, -1).map(one => one.key || '0');
  const top = open[open.length - 1];
  return { path: isValue ? [...above, top.key] : above, isValue, from, beside: top.keys, isJson: true };
}
