import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';

import { asWritten, speak, trans } from '../src/text';

/** Attributes whose text people read or hear. */
const READ = new Set(['label', 'title', 'placeholder', 'aria-label', 'aria-roledescription', 'alt', 'hint', 'name']);
/** What is the same in every language: code, languages, signs, units. */
const SAME = new Set([
  'cellmill', 'YAML', 'JSON', 'SVG', 'PNG', 'stdout', 'stderr', 'daily_delays, *carriers, group:"raw"', 'day: 2024-01-01',
  'ops:\n  my_op:\n    config: {}'
]);
const SOURCES = join(process.cwd(), 'src');

/** Texts of a file that people see and that no translation can reach. */
function untranslated(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true, ts.ScriptKind.TSX);
  const found: string[] = [];
  const isWord = (text: string) => /[A-Za-z]{2}/.test(text) && !SAME.has(text.trim());
  const say = (node: ts.Node, text: string) =>
    found.push(`${file.slice(SOURCES.length + 1)}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${text.trim()}`);
  /** The literal texts that an expression can give, those of `trans` left out. */
  const literals = (node: ts.Node): void => {
    if (ts.isCallExpression(node) || ts.isJsxElement(node) || ts.isJsxSelfClosingElement(node)) {
      return;
    }
    if (ts.isConditionalExpression(node)) {
      literals(node.whenTrue);
      literals(node.whenFalse);
      return;
    }
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) {
      if (isWord(node.text)) {
        say(node, node.text);
      }
    } else if (ts.isTemplateExpression(node)) {
      const text = node.head.text + node.templateSpans.map(span => span.literal.text).join('…');
      if (isWord(text)) {
        say(node, text);
      }
    } else if (ts.isBinaryExpression(node) || ts.isParenthesizedExpression(node)) {
      const skipsLeft = ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.AmpersandAmpersandToken;
      ts.forEachChild(node, child => (skipsLeft && child === node.left ? undefined : literals(child)));
    }
  };
  const isCode = (node: ts.Node): boolean =>
    ts.isJsxElement(node) && ['code', 'pre'].includes(node.openingElement.tagName.getText());
  const visit = (node: ts.Node): void => {
    if (isCode(node)) {
      return;
    }
    if (ts.isJsxText(node) && isWord(node.text)) {
      say(node, node.text);
    } else if (ts.isJsxAttribute(node) && node.initializer && READ.has(node.name.getText())) {
      const value = ts.isJsxExpression(node.initializer) ? node.initializer.expression : node.initializer;
      if (value && node.name.getText() !== 'name') {
        literals(value);
      }
    } else if (ts.isJsxExpression(node) && node.expression && ts.isJsxElement(node.parent)) {
      literals(node.expression);
    } else if (ts.isCallExpression(node) && /(\.|^)notify$/.test(node.expression.getText()) && node.arguments[0]) {
      literals(node.arguments[0]);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

test('every text of the screens can be translated', () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter(name => /\.tsx?$/.test(name));
  assert.ok(files.length > 40);
  assert.deepEqual(files.flatMap(name => untranslated(join(SOURCES, name))), []);
});

test('texts are looked up when they are shown', () => {
  assert.equal(trans.__('%1 of %2', 1, 2), '1 of 2');
  assert.equal(trans._n('%1 run', '%1 runs', 1), '1 run');
  assert.equal(trans._n('%1 run of %2', '%1 runs of %2', 3, 'x'), '3 runs of x');
  speak({ __: text => text.toUpperCase(), _n: (one, many, n) => (n === 1 ? one : many).toUpperCase() });
  assert.equal(trans.__('runs'), 'RUNS');
  speak(asWritten);
  assert.equal(trans.__('runs'), 'runs');
});
