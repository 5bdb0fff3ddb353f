import { notebookPlugin } from './plugin/notebook';
import { plugin } from './plugin/plugin';

export { ICellmill } from './tokens';
export default [plugin, notebookPlugin];
