import type { GrainContext, GrainReference } from '@gpu-bridge/abstractions';
import { expectTypeOf, test } from 'vitest';
import type { Silo } from './silo.js';

class Account {
  private balance = 0;
  constructor(private readonly context: GrainContext) {}
  async onActivate(): Promise<void> {
    await this.deposit(this.context.id.key.length);
  }
  async deposit(amount: number): Promise<number> {
    return (this.balance += amount);
  }
  async *history(): AsyncGenerator<number> {
    yield this.balance;
  }
  peek(): number {
    return this.balance;
  }
}

declare const silo: Silo;

test('a reference has the methods that can be called from elsewhere, with their types', () => {
  const make = (context: GrainContext) => new Account(context);
  const account = silo.getGrain({ options: { type: 'account', kind: 'keyed' }, create: make }, 'a');
  expectTypeOf(account).toEqualTypeOf<GrainReference<Account>>();
  expectTypeOf(account.deposit).toEqualTypeOf<(amount: number) => Promise<number>>();
  expectTypeOf(account.history).toEqualTypeOf<() => Promise<AsyncGenerator<number>>>();
  expectTypeOf<keyof typeof account>().toEqualTypeOf<'deposit' | 'history'>();
});
