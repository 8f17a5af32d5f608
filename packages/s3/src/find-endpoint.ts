import { loadConfig } from '@smithy/core/config';

type Selectors = Parameters<typeof loadConfig<string | undefined>>[0];
type Environment = Parameters<Selectors['environmentVariableSelector']>[0];

/** "Service-specific endpoints" of the AWS SDKs and Tools Reference Guide: what is more specific wins. */
const ENDPOINT: Selectors = {
  environmentVariableSelector: (env) => some(env['AWS_ENDPOINT_URL_S3']) ?? some(env['AWS_ENDPOINT_URL']),
  configFileSelector: (profile, files) => {
    const services = files?.[`services.${profile['services'] ?? ''}`];
    return some(services?.['s3.endpoint_url']) ?? some(profile['endpoint_url']);
  },
  default: undefined,
};

const IGNORED: Selectors = {
  environmentVariableSelector: (env: Environment) => some(env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS']),
  configFileSelector: (profile) => some(profile['ignore_configured_endpoint_urls']),
  default: undefined,
};

/** The server that environment or profile name; `undefined` for AWS. */
export async function findEndpoint(): Promise<string | undefined> {
  const ignored = await loadConfig(IGNORED)();
  return ignored === 'true' ? undefined : loadConfig(ENDPOINT)();
}

function some(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
