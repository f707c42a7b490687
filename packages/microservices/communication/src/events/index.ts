export { EventBus, type EventBusOptions, type EventHandler, type EventSubscribeOptions, type PublishOptions } from './EventBus.ts';
