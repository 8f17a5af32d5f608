import { FaultProxy, startRgw } from '@waybill/testkit';
import { afterAll, describe, test } from 'vitest';
import { describeFaults } from './fault-cases.ts';
import { describeStore } from './store-cases.ts';

const server = await startRgw({ required: process.env['CI'] === 'true' });

if ('skipped' in server) {
  describe('an S3 server', () => {
    test('store', (context) => context.skip(server.skipped));
  });
} else {
  const proxy = await FaultProxy.start(server.endpoint);
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await server.stop();
  });
  describeStore(server);
  describeFaults(server, proxy);
}
