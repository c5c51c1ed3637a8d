// An OpenAI-compatible server of one small model, for `make live-demo`; llama.cpp does the work.
//
//   node llama.mjs FILE.gguf PORT NAME THREADS SLOWDOWN
//
// Four sequences; a conversation goes to the one that holds most of it already. SLOWDOWN 3 lets all
// work take three times as long, which stands for a slower machine or a larger model.
import http from "node:http";
import {getLlama} from "node-llama-cpp";

const [file, port, name, threads, slowdown] = process.argv.slice(2);
const SEQUENCES = 4, CONTEXT_TOKENS = 2048;
const llama = await getLlama({gpu: false, build: "never", maxThreads: 0, logLevel: "error"});
const model = await llama.loadModel({modelPath: file});
const context = await model.createContext({
    sequences: SEQUENCES, contextSize: CONTEXT_TOKENS, threads: Number(threads)
});
const free = Array.from({length: SEQUENCES}, () => context.getSequence());
const waiting = [];
let running = 0;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const textOf = ({content}) => typeof content === "string" ? content
    : (content ?? []).map((part) => part.text ?? "").join("");

// ChatML, the template of SmolLM2; its own system prompt is left out.
function tokensOf(messages) {
    const special = (text) => model.tokenize(text, true);
    const said = messages.flatMap((message) => [
        ...special(`<|im_start|>${message.role}\n`),
        ...model.tokenize(textOf(message)),
        ...special("<|im_end|>\n")
    ]);
    return [...said, ...special("<|im_start|>assistant\n")];
}

function shared(sequence, tokens) {
    const held = sequence.contextTokens;
    let n = 0;
    while (n < held.length && n < tokens.length - 1 && held[n] === tokens[n]) n++;
    return n;
}

async function taken(tokens) {
    if (free.length === 0) await new Promise((go) => waiting.push(go));
    let best = 0;
    free.forEach((sequence, i) => {
        if (shared(sequence, tokens) > shared(free[best], tokens)) best = i;
    });
    return free.splice(best, 1)[0];
}

function released(sequence) {
    free.push(sequence);
    waiting.shift()?.();
}

// Yields each piece of the answer's text; returns what the usage tells.
async function* answered(body, gone) {
    const tokens = tokensOf(body.messages);
    const most = body.max_completion_tokens ?? body.max_tokens ?? 256;
    if (tokens.length + most > CONTEXT_TOKENS) {
        const told = `the maximum context length is ${CONTEXT_TOKENS} tokens`;
        throw Object.assign(new Error(told), {status: 400});
    }
    const sequence = await taken(tokens);
    running++;
    try {
        const cached = shared(sequence, tokens);
        if (cached < sequence.contextTokens.length)
            await sequence.eraseContextTokenRanges([{
                start: cached, end: sequence.contextTokens.length
            }]);
        let said = [], before = performance.now();
        const made = sequence.evaluate(tokens.slice(cached), {temperature: body.temperature ?? 0});
        for await (const token of made) {
            await sleep((Number(slowdown) - 1) * (performance.now() - before));
            if (gone()) break;
            const text = model.detokenize([...said, token]).slice(model.detokenize(said).length);
            said.push(token);
            yield text;
            if (said.length >= most) break;
            before = performance.now();
        }
        return {finish: said.length < most ? "stop" : "length", usage: {
            prompt_tokens: tokens.length,
            completion_tokens: said.length,
            total_tokens: tokens.length + said.length,
            prompt_tokens_details: {cached_tokens: cached}
        }};
    } finally {
        running--;
        released(sequence);
    }
}

async function complete(request, response) {
    let text = "";
    for await (const piece of request) text += piece;
    const body = JSON.parse(text);
    const answer = answered(body, () => response.destroyed);
    const frame = (choices, more = {}) =>
        ({id: "demo", created: 0, model: name, object: "chat.completion.chunk", choices, ...more});
    const send = (chunk) => response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    let whole = "", step = await answer.next();
    if (body.stream) response.writeHead(200, {"Content-Type": "text/event-stream"});
    for (; !step.done; step = await answer.next()) {
        whole += step.value;
        if (body.stream)
            send(frame([{index: 0, delta: {content: step.value}, finish_reason: null}]));
    }
    const {finish, usage} = step.value;
    if (body.stream) {
        send(frame([{index: 0, delta: {}, finish_reason: finish}]));
        if (body.stream_options?.include_usage) send(frame([], {usage}));
        response.end("data: [DONE]\n\n");
    } else {
        const message = {role: "assistant", content: whole};
        const choices = [{index: 0, message, finish_reason: finish}];
        reply(response, 200, frame(choices, {usage, object: "chat.completion"}));
    }
}

function reply(response, status, content) {
    response.writeHead(status, {"Content-Type": "application/json"});
    response.end(JSON.stringify(content));
}

http.createServer(async (request, response) => {
    try {
        if (request.url === "/v1/chat/completions") await complete(request, response);
        else if (request.url === "/v1/models")
            reply(response, 200, {object: "list", data: [
                {id: name, object: "model", owned_by: "demo", max_model_len: CONTEXT_TOKENS}
            ]});
        else if (request.url === "/metrics")
            response.end(`llamacpp:requests_processing ${running}\n`
                + `llamacpp:requests_deferred ${waiting.length}\n`);
        else reply(response, 404, {error: {message: "not found"}});
    } catch (error) {
        if (response.headersSent) response.destroy();
        else reply(response, error.status ?? 500, {error: {
            message: String(error.message), code: error.status ? "context_length_exceeded" : null
        }});
    }
}).listen(Number(port), "127.0.0.1", () => console.log(`${name} http://127.0.0.1:${port}/v1`));
