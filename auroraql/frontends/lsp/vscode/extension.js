// Starts `auroraql lsp`, and runs statements in a terminal. The text of a statement never passes through a shell: it is
// written to a file of this user, and the terminal starts the program itself with an array of arguments.
"use strict";

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const vscode = require("vscode");
const { LanguageClient } = require("./vendor/vscode-languageclient.js");

let client;
let folder;

/** Return the settings for a document. In an untrusted workspace VS Code gives those of the user only. */
function settingsFor(uri) {
  const settings = vscode.workspace.getConfiguration("auroraql", uri);
  const command = settings.get("command");
  const isUsable = Array.isArray(command) && command.length > 0 && command.every((part) => typeof part === "string");
  return {
    command: isUsable ? command : ["auroraql"],
    archive: settings.get("archive") || "",
    parameters: settings.get("parameters") || {},
  };
}

async function startClient() {
  const { command, archive, parameters } = settingsFor();
  const [program, ...rest] = command;
  client = new LanguageClient(
    "auroraql",
    "AuroraQL",
    { command: program, args: [...rest, "lsp"] },
    {
      documentSelector: [{ language: "auroraql" }],
      initializationOptions: { archive, parameters },
      synchronize: { configurationSection: "auroraql" },
    },
  );
  try {
    await client.start();
  } catch (error) {
    const advice = "Install it with: pip install 'auroraql[lsp]', or set auroraql.command.";
    vscode.window.showErrorMessage(`${command.join(" ")} lsp does not start: ${error.message ?? error}. ${advice}`);
  }
}

async function stopClient() {
  const running = client;
  client = undefined;
  if (running && running.isRunning()) await running.stop();
}

/** Return the statement of a code lens or, from the command palette, the selection or the whole active document. */
function chosenText(uri, text, before) {
  if (typeof uri === "string" && typeof text === "string") {
    return { uri: vscode.Uri.parse(uri), text, before: typeof before === "string" ? before : "" };
  }
  const editor = vscode.window.activeTextEditor;
  if (!editor || editor.document.languageId !== "auroraql") return undefined;
  const selected = editor.document.getText(editor.selection);
  return { uri: editor.document.uri, text: selected.trim() ? selected : editor.document.getText(), before: "" };
}

/** Return the statement after the front matter and the statements that define what it uses. */
function withContext(chosen, prefix = "") {
  return `${chosen.before}${prefix}${chosen.text}\n`;
}

/** Write a statement to a new file that only this user can read, and return its path. */
function writeStatement(text) {
  folder ??= fs.mkdtempSync(path.join(os.tmpdir(), "auroraql-"));
  const file = path.join(folder, `statement-${Date.now()}-${Math.floor(Math.random() * 1e9)}.aql`);
  fs.writeFileSync(file, text, { encoding: "utf-8", mode: 0o600, flag: "wx" });
  return file;
}

/** Run the program in a terminal of its own, without a shell. The terminal stays open after the program ends. */
function runInTerminal(title, chosen, words, prefix = "") {
  if (!vscode.workspace.isTrusted) {
    vscode.window.showWarningMessage("AuroraQL runs statements only in a trusted workspace.");
    return;
  }
  const { command, archive, parameters } = settingsFor(chosen.uri);
  const file = writeStatement(withContext(chosen, prefix));
  const options = archive ? ["--archive", archive] : [];
  const used = Object.entries(parameters).filter(([name]) => new RegExp(`\\$${escapePattern(name)}(?!\\w)`, "u").test(chosen.text));
  for (const [name, value] of used) {
    for (const item of Array.isArray(value) ? value : [value]) options.push("--param", `${name}=${item}`);
  }
  const argv = [...command, ...words, file, ...options];
  const output = new vscode.EventEmitter();
  const closed = new vscode.EventEmitter();
  vscode.window.createTerminal({ name: title, pty: childTerminal(argv, output, closed) }).show(true);
}

/** Return a terminal that shows the output of a program. */
function childTerminal(argv, output, closed) {
  const { spawn } = require("node:child_process");
  let child;
  const write = (data) => output.fire(data.toString("utf-8").replace(/\r?\n/g, "\r\n"));
  return {
    onDidWrite: output.event,
    onDidClose: closed.event,
    open: (size) => {
      const env = { ...process.env, COLUMNS: String(size?.columns ?? 120), PYTHONIOENCODING: "utf-8" };
      child = spawn(argv[0], argv.slice(1), { env, shell: false, windowsHide: true });
      child.stdout.on("data", write);
      child.stderr.on("data", write);
      child.on("error", (error) => write(`${argv[0]} does not start: ${error.message}\n`));
      child.on("close", (code) => write(`\n[ended with exit code ${code}]\n`));
    },
    close: () => child?.kill("SIGINT"),
    handleInput: (data) => {
      if (data === "\x03") child?.kill("SIGINT");
    },
  };
}

function escapePattern(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** Show the query JSON of a statement in a new document. */
function showAsJson(chosen) {
  const { execFile } = require("node:child_process");
  if (!vscode.workspace.isTrusted) {
    vscode.window.showWarningMessage("AuroraQL runs its program only in a trusted workspace.");
    return;
  }
  const [program, ...rest] = settingsFor(chosen.uri).command;
  const file = writeStatement(`${chosen.text}\n`);
  execFile(program, [...rest, "translate", "--to", "json", file], { encoding: "utf-8" }, async (error, stdout, stderr) => {
    if (error) {
      vscode.window.showErrorMessage(stderr.trim() || error.message);
      return;
    }
    const document = await vscode.workspace.openTextDocument({ language: "json", content: stdout });
    await vscode.window.showTextDocument(document, { preview: true, viewColumn: vscode.ViewColumn.Beside });
  });
}

function command(action) {
  return (uri, text, before) => {
    const chosen = chosenText(uri, text, before);
    if (chosen) action(chosen);
  };
}

async function activate(context) {
  const register = (name, action) => context.subscriptions.push(vscode.commands.registerCommand(name, action));
  register("auroraql.run", command((chosen) => runInTerminal("AuroraQL", chosen, ["run"])));
  register("auroraql.explain", command((chosen) => runInTerminal("AuroraQL: Explain", chosen, ["run"], "EXPLAIN ")));
  register("auroraql.asJson", command(showAsJson));
  register("auroraql.restart", async () => {
    await stopClient();
    await startClient();
  });
  await startClient();
}

async function deactivate() {
  await stopClient();
  if (folder) fs.rmSync(folder, { recursive: true, force: true });
}

module.exports = { activate, deactivate };
