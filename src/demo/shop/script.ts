/**
 * The page's script, as it is sent. It turns the forms into requests that change the page in place, so that one click is
 * one request and one tile, and it remembers what the shop last confirmed, to judge each answer by.
 */
import { judge } from './judge.ts'

export const SCRIPT = `'use strict';
(() => {
const judge = ${judge.toString()};
const MOST = 40;
const $ = (id) => document.getElementById(id);
const { answer: first, stage } = JSON.parse($('state').textContent);
if (!stage) return;

const fresh = () => ({ run: stage.run, answers: [], expected: undefined });
const load = () => {
  try {
    const kept = JSON.parse(localStorage.getItem('answers'));
    return kept && kept.run === stage.run ? kept : fresh();
  } catch { return fresh(); }
};
let memory = load();
const save = () => { try { localStorage.setItem('answers', JSON.stringify(memory)); } catch { /* private mode: the tiles last as long as the page */ } };

const icon = { kept: 'M3 8.5 6.5 12 13 4.5', lost: 'M4 4l8 8M12 4l-8 8', failed: 'M8 3v6M8 12v.5' };
const says = { kept: 'session kept', lost: 'session lost', 'new': 'no session to keep yet', failed: 'no answer' };
const mark = (verdict) => icon[verdict]
  ? '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="' + icon[verdict] + '"/></svg>' : '';

function tile({ replica, verdict }) {
  const item = document.createElement('li');
  item.className = verdict + ' tint-' + stage.replicas.indexOf(replica);
  const letter = document.createElement('span');
  letter.textContent = replica || '–';
  letter.setAttribute('aria-hidden', 'true');
  const words = document.createElement('span');
  words.className = 'spoken';
  words.textContent = (replica ? 'Replica ' + replica + ': ' : '') + says[verdict];
  item.append(letter, words);
  item.insertAdjacentHTML('beforeend', mark(verdict));
  item.title = words.textContent;
  return item;
}

const slot = () => {
  const item = document.createElement('li');
  item.className = 'slot';
  item.setAttribute('aria-hidden', 'true');
  return item;
};

function drawStrip() {
  const { answers } = memory;
  const tiles = answers.map(tile);
  if (tiles.length > 0) tiles[tiles.length - 1].classList.add('latest');
  $('strip').replaceChildren(...tiles, ...Array.from({ length: MOST - answers.length }, slot));
  $('clear').hidden = answers.length === 0;
  if (answers.length === 0) { $('sum').textContent = 'Each request adds a tile here: who answered, and whether the session was kept.'; return; }
  const count = (test) => answers.filter(test).length;
  const by = stage.replicas.map((name) => count((a) => a.replica === name) + ' by ' + name).join(', ');
  const kept = count((a) => a.verdict === 'kept'), lost = count((a) => a.verdict === 'lost'), failed = count((a) => a.verdict === 'failed');
  const parts = [by];
  if (kept + lost > 0) parts.push('session kept in ' + kept + ' of ' + (kept + lost));
  else parts.push('log in to have a session');
  if (failed > 0) parts.push(failed + ' not answered');
  $('sum').textContent = parts.join(' · ');
}

function drawAnswer(answer, verdict) {
  const index = stage.replicas.indexOf(answer.replica);
  $('letter').textContent = answer.replica;
  $('letter').className = 'letter tint-' + index;
  $('by').textContent = 'Replica ' + answer.replica + ' answered';
  const who = memory.expected ? memory.expected.user : '';
  const what = memory.expected && memory.expected.pieces > 0 ? who + ' and the cart' : who;
  $('verdict').className = 'verdict ' + verdict;
  $('verdict').textContent = verdict === 'kept' ? 'Session kept: it knows ' + what + '.'
    : verdict === 'lost' ? (answer.user === null ? 'Session lost: it has never heard of ' + who + '.' : 'Session lost: it has no cart for ' + answer.user + '.')
    : answer.user === null ? 'Nobody is logged in yet.' : 'It has just let ' + answer.user + ' in.';
  if ($('schematic')) $('schematic').dataset.lit = index;
}

function note(answer, act) {
  const { verdict, next } = judge(memory.expected, act, answer);
  memory.expected = next;
  memory.answers = [...memory.answers, { replica: answer.replica, verdict }].slice(-MOST);
  save();
  drawStrip();
  drawAnswer(answer, verdict);
}

function noteFailure(why) {
  memory.answers = [...memory.answers, { replica: '', verdict: 'failed' }].slice(-MOST);
  save();
  drawStrip();
  $('verdict').className = 'verdict failed';
  $('verdict').textContent = why;
  $('by').textContent = 'No answer';
}

/** One request; true when an answer came. */
async function ask(path, act, body) {
  try {
    const response = await fetch(path, { method: body ? 'POST' : 'GET', body, headers: { accept: 'application/json' }, cache: 'no-store' });
    const type = response.headers.get('content-type') || '';
    if (!type.includes('json')) { noteFailure((await response.text()).trim().slice(0, 120) || 'Status ' + response.status); return false; }
    const answer = await response.json();
    const held = document.activeElement && $('visitor').contains(document.activeElement);
    if (act !== 'read' || $('visitor').dataset.html !== answer.panel) {
      const typed = $('name') && $('name').value;
      $('visitor').innerHTML = answer.panel;
      $('visitor').dataset.html = answer.panel;
      if (typed && $('name')) $('name').value = typed;
      if (held) ($('visitor').querySelector('input, button') || $('shop')).focus();
    }
    note(answer, act);
    return true;
  } catch {
    noteFailure('The demo has stopped, or the connection broke.');
    return false;
  }
}

let busy = false;
async function once(work) {
  if (busy) return;
  busy = true;
  document.documentElement.classList.add('busy');
  try { await work(); } finally { busy = false; document.documentElement.classList.remove('busy'); }
}

document.addEventListener('submit', (event) => {
  const form = event.target, act = form.dataset.act;
  if (form.dataset.kill) { event.preventDefault(); void kill(form.dataset.kill); return; }
  if (!act) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  void once(() => ask(form.getAttribute('action'), act, body));
});

document.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.id === 'clear') { memory.answers = []; save(); drawStrip(); }
  if (button.dataset.ask) void once(async () => {
    for (let left = Number(button.dataset.ask); left > 0; left--) if (!await ask('/whoami', 'read')) break;
  });
});

const rows = $('replicas');
let timer;
async function drawReplicas() {
  clearTimeout(timer);
  let settled = true;
  try {
    const down = [];
    const replicas = await (await fetch(stage.control + '/replicas', { cache: 'no-store' })).json();
    for (const { name, state, detail } of replicas) {
      const row = [...rows.children].find((item) => item.dataset.replica === name);
      if (!row) continue;
      row.className = state;
      row.querySelector('[data-state]').textContent = 'Replica ' + name + ' is ' + state;
      row.querySelector('[data-detail]').textContent = detail;
      row.querySelector('button').disabled = state !== 'up';
      if (state !== 'up') { settled = false; down.push(stage.replicas.indexOf(name)); }
    }
    if ($('schematic')) $('schematic').dataset.down = down.join(' ');
  } catch {
    for (const row of rows.children) { row.className = 'down'; row.querySelector('[data-detail]').textContent = 'The demo has stopped.'; row.querySelector('button').disabled = true; }
  }
  timer = setTimeout(drawReplicas, document.hidden ? 10000 : settled ? 3000 : 500);
}
async function kill(name) {
  try { await fetch(stage.control + '/kill/' + encodeURIComponent(name), { method: 'POST', headers: { accept: 'application/json' } }); } catch { /* the list below tells */ }
  await drawReplicas();
}

$('actions').hidden = false;
$('visitor').dataset.html = '';
note(first, 'read');
if (stage.control && rows) void drawReplicas();
})();
`
