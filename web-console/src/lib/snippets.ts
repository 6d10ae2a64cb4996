/** How each client is pointed at LLM Link: text to copy, made of the address, a key and a model. */

export interface Connection {
  /** Where the console was opened: `http://127.0.0.1:8080`. */
  origin: string;
  key: string;
  model: string;
}

export interface Client {
  id: string;
  title: string;
  /** What the text is: a file's name, or a command line. */
  where: string;
  text: (c: Connection) => string;
}

const json = (value: unknown) => JSON.stringify(value, null, 2);
/** For a POSIX shell. */
const sh = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

export const CLIENTS: Client[] = [
  {
    id: 'curl',
    title: 'curl',
    where: 'shell',
    text: ({ origin, key, model }) => `curl ${sh(`${origin}/v1/chat/completions`)} \\
  -H ${sh(`authorization: Bearer ${key}`)} \\
  -H 'content-type: application/json' \\
  -d ${sh(JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello.' }] }))}`
  },
  {
    id: 'python',
    title: 'Python',
    where: 'pip install openai',
    text: ({ origin, key, model }) => `from openai import OpenAI

client = OpenAI(base_url=${JSON.stringify(`${origin}/v1`)}, api_key=${JSON.stringify(key)})
answer = client.chat.completions.create(
    model=${JSON.stringify(model)},
    messages=[{"role": "user", "content": "Say hello."}],
)
print(answer.choices[0].message.content)`
  },
  {
    id: 'node',
    title: 'Node',
    where: 'npm install openai',
    text: ({ origin, key, model }) => `import OpenAI from 'openai';

const client = new OpenAI({ baseURL: ${JSON.stringify(`${origin}/v1`)}, apiKey: ${JSON.stringify(key)} });
const answer = await client.chat.completions.create({
  model: ${JSON.stringify(model)},
  messages: [{ role: 'user', content: 'Say hello.' }]
});
console.log(answer.choices[0].message.content);`
  },
  {
    id: 'codex',
    title: 'Codex',
    where: '~/.codex/config.toml',
    text: ({ origin, key, model }) => `# export LLM_LINK_KEY=${sh(key)}
model = ${JSON.stringify(model)}
model_provider = "llm-link"

[model_providers.llm-link]
name = "LLM Link"
base_url = ${JSON.stringify(`${origin}/v1`)}
env_key = "LLM_LINK_KEY"
wire_api = "responses"`
  },
  {
    id: 'claude-code',
    title: 'Claude Code',
    where: 'shell',
    text: ({ origin, key, model }) => `export ANTHROPIC_BASE_URL=${sh(origin)}
export ANTHROPIC_AUTH_TOKEN=${sh(key)}
export ANTHROPIC_MODEL=${sh(model)}
export ANTHROPIC_DEFAULT_HAIKU_MODEL=${sh(model)}
claude`
  },
  {
    id: 'zed',
    title: 'Zed',
    where: 'settings.json',
    text: ({ origin, model }) =>
      json({
        language_models: {
          openai_compatible: { 'LLM Link': { api_url: `${origin}/v1`, available_models: [{ name: model, max_tokens: 128000 }] } }
        }
      })
  },
  {
    id: 'aider',
    title: 'Aider',
    where: 'shell',
    text: ({ origin, key, model }) => `export OPENAI_API_BASE=${sh(`${origin}/v1`)}
export OPENAI_API_KEY=${sh(key)}
aider --model ${sh(`openai/${model}`)}`
  },
  {
    id: 'openhands',
    title: 'OpenHands',
    where: 'shell',
    text: ({ origin, key, model }) => `export LLM_BASE_URL=${sh(`${origin}/v1`)}
export LLM_API_KEY=${sh(key)}
export LLM_MODEL=${sh(`openai/${model}`)}
openhands`
  },
  {
    id: 'opencode',
    title: 'opencode',
    where: 'opencode.json',
    text: ({ origin, key, model }) =>
      json({
        $schema: 'https://opencode.ai/config.json',
        model: `llm-link/${model}`,
        provider: {
          'llm-link': {
            npm: '@ai-sdk/openai-compatible',
            name: 'LLM Link',
            options: { baseURL: `${origin}/v1`, apiKey: key },
            models: { [model]: {} }
          }
        }
      })
  }
];

/** A model name pattern such as `gpt-*` fits. */
export function fits(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((p) => p.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}
