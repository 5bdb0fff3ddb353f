export { ICellmill } from './tokens';
export { plugin as default } from './plugin/plugin';
