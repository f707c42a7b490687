import { gatewayConfig } from '@noa/api-gateway';
import { sharedFields } from '@noa/communication';
import { describeSchema, type ConfigFields } from '@noa/core';
import { authFields } from '@noa/service-auth';
import { notificationFields } from '@noa/service-notification';

interface Section {
  readonly title: string;
  readonly about: string;
  readonly fields: ConfigFields;
}

const SECTIONS: readonly Section[] = [
  { title: 'Every process', about: 'Read by each service and by the gateway.', fields: sharedFields },
  { title: 'Gateway', about: 'Read by the gateway.', fields: gatewayConfig },
  { title: 'auth', about: 'Read by the auth service.', fields: authFields },
  { title: 'notification', about: 'Read by the notification service.', fields: notificationFields },
];

/** docs/configuration.md, made from the schemas that the programs load. */
export function renderConfigurationPage(): string {
  const head = [
    '# Configuration',
    '',
    'Generated from the schemas by `node scripts/configuration.ts --write`; do not edit.',
    '',
    'Settings are environment variables. The first name wins; further names are accepted when it is not set. A wrong value',
    'stops the start and is named with its path, the value, what was expected and the variable. `./noa up` sets what a',
    'machine needs by itself; whatever you set wins.',
  ];
  return `${[...head, ...SECTIONS.flatMap(renderSection)].join('\n')}\n`;
}

function renderSection({ title, about, fields }: Section): string[] {
  const rows = Object.values(fields).map((field) => {
    const value = field.default === undefined ? (field.optional ? '' : '**required**') : `\`${JSON.stringify(field.default)}\``;
    const names = field.env.map((name) => `\`${name}\``).join(', ');
    return `| ${names} | ${escape(describeSchema(field.schema))} | ${escape(value)} | ${escape(field.about)}${field.secret ? ' Secret.' : ''} |`;
  });
  return ['', `## ${title}`, '', about, '', '| Variable | Expected | Default | What it does |', '|---|---|---|---|', ...rows];
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|');
}
