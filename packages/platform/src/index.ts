export { createProgram } from './cli.ts';
export { renderConfigurationPage } from './configurationPage.ts';
