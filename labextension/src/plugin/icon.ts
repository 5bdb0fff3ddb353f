import { LabIcon } from '@jupyterlab/ui-components';

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
  <g class="jp-icon3" fill="#616161">
    <rect x="2" y="3.5" width="8" height="6" rx="1.5"/>
    <rect x="2" y="14.5" width="8" height="6" rx="1.5"/>
    <rect x="14" y="9" width="8" height="6" rx="1.5"/>
    <path d="M10 6h2v5h2v2h-2v5h-2v-2h.5V8H10z"/>
  </g>
</svg>`;

export const cellmillIcon = new LabIcon({ name: 'cellmill-lab:icon', svgstr: SVG });
