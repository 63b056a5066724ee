import { expect, test } from 'vitest';
import { GrainMethod } from './grain-method.js';

class Base {
  inherited(): string {
    return 'base';
  }
}
class Grain extends Base {
  async onActivate(): Promise<void> {}
  async receiveReminder(name: string): Promise<string> {
    return `reminded of ${name}`;
  }
}

test('a method may be inherited; hooks and the constructor are none', () => {
  const grain = new Grain();
  expect(new GrainMethod('g', 'inherited').bodyIn(grain).call(grain)).toBe('base');
  for (const name of ['onActivate', 'onDeactivating', 'onDeactivate', 'receiveReminder', 'toString'])
    expect(() => new GrainMethod('g', name).bodyIn(grain)).toThrow('must be one of inherited');
});

test('reminders are delivered through a method that only the silo has', async () => {
  const grain = new Grain();
  const method = GrainMethod.receiveReminder('g');
  expect(await method.bodyIn(grain).call(grain, 'tea')).toBe('reminded of tea');
  expect(() => method.bodyIn(new Base())).toThrow('INVALID_ARGUMENT');
});
