'use strict';

// What clients have given (names, addresses, channels) reaches the page as text only: textContent, attributes that are no links.

const KEPT = 300;
const STALE_MS = 3500;
const SVG = 'http://www.w3.org/2000/svg';

const byId = (id) => document.getElementById(id);
const reduced = matchMedia('(prefers-reduced-motion: reduce)');

/** What each card shows: a series, its title, its unit. */
const CARDS = [
  ['messages', 'Messages published', count, '/s'],
  ['deliveries', 'Deliveries', count, '/s'],
  ['commands', 'Commands', count, '/s'],
  ['bytes_in', 'Received', bytes, '/s'],
  ['bytes_out', 'Sent', bytes, '/s'],
  ['clients', 'Connections', count, ''],
];

const CLASSES = [
  ['subscribers', 'Subscribers', 'k1'],
  ['monitors', 'Monitors', 'k2'],
  ['blocked', 'Blocked', 'k3'],
  ['transactions', 'In transactions', 'k4'],
  ['others', 'Others', 'k5'],
];

let history = {};
let last = null;
/** What had been sent to slow subscribers in the last boards: of a rate over one second nothing could be told. */
let sent = [];
/** Names of the warnings that were in force in the last board. */
let told = new Set();
let heardAt = 0;
let paused = false;
let source = null;
let refused = false;

// Numbers

function count(value) {
  if (value < 10000) return [value.toLocaleString('en-US'), ''];
  return scaled(value, 1000, ['', ' k', ' M', ' G', ' T']);
}

function bytes(value) {
  return scaled(value, 1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB']);
}

function scaled(value, base, units) {
  let power = 0;
  while (value >= base * (1 - 0.0005) && power < units.length - 1) {
    value /= base;
    power += 1;
  }
  const digits = power === 0 ? 0 : value < 10 ? 2 : value < 100 ? 1 : 0;
  return [value.toFixed(digits), units[power]];
}

const text = (format, value) => format(value).join('');

function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds % 86400 / 3600)} h`;
}

// Elements: they stay, and what has not changed is not touched, so that what is selected or read aloud stays, too.

function say(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

function give(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function make(parent, name, className, value) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (value !== undefined) element.textContent = value;
  parent.append(element);
  return element;
}

/**
 * Has a body of a table show these rows, of which each is a list of cells: a text, a text with a smaller one below it, or null
 * for what is drawn elsewhere.
 */
function fill(body, rows) {
  const heads = [...body.parentElement.tHead.rows[0].cells];
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, index) => {
    const row = body.rows[index] || line(body, heads);
    cells.forEach((cell, place) => {
      if (cell === null) return;
      const {value, sub, kind} = typeof cell === 'string' ? {value: cell} : cell;
      const box = row.cells[place].firstElementChild;
      say(box.firstElementChild, value);
      box.firstElementChild.className = kind || '';
      say(box.lastElementChild, sub || '');
    });
  });
}

function line(body, heads) {
  const row = body.insertRow();
  row.setAttribute('role', 'row');
  for (const head of heads) {
    const cell = make(row, 'td', head.className);
    cell.setAttribute('role', 'cell');
    cell.dataset.label = head.textContent;
    const box = make(cell, 'div');
    make(box, 'bdi');
    make(box, 'span', 'sub');
  }
  return row;
}

/** Shows a table if it has rows, and else what there is to say then. */
function list(id, rows) {
  const body = byId(id);
  fill(body, rows);
  body.parentElement.hidden = rows.length === 0;
  byId(`${id}-none`).hidden = rows.length > 0;
}

// Charts

function drawCards() {
  const parent = byId('rates');
  for (const [series, title, format, unit] of CARDS) {
    const card = byId(`card-${series}`) || newCard(parent, series, title);
    const values = history[series] || [];
    const [number, scale] = format(last.rates[series] ?? 0);
    const value = card.querySelector('.value');
    say(value.firstChild, number);
    say(value.lastChild, scale + unit);
    const peak = values.reduce((most, one) => Math.max(most, one), 0);
    const peakText = `at most ${text(format, peak)}${unit}`;
    const added = series === 'clients' ? `, ${text(count, last.rates.connections)} new/s` : '';
    say(card.querySelector('.peak'), peakText + added);
    if (!reduced.matches || last.number % 10 === 0 || !card.dataset.drawn) {
      draw(card.querySelector('svg'), values, peak);
      card.dataset.drawn = 'yes';
      give(card.querySelector('svg'), 'aria-label', `${title}: ${number}${scale}${unit} now, ${peakText} in five minutes`);
    }
  }
}

function newCard(parent, series, title) {
  const card = make(parent, 'div', 'card');
  card.id = `card-${series}`;
  make(card, 'h3', '', title);
  const value = make(card, 'p', 'value');
  value.append(document.createTextNode(''));
  make(value, 'span');
  const chart = document.createElementNS(SVG, 'svg');
  for (const [name, content] of [['viewBox', `0 0 ${KEPT} 100`], ['preserveAspectRatio', 'none'], ['role', 'img']]) {
    chart.setAttribute(name, content);
  }
  for (const className of ['area', 'line']) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('class', className);
    chart.append(path);
  }
  card.append(chart);
  make(card, 'p', 'peak');
  return card;
}

function draw(chart, values, peak) {
  const [area, line] = chart.children;
  if (values.length < 2) return;
  const height = (value) => 98 - (peak > 0 ? value / peak : 0) * 92;
  const first = KEPT - values.length;
  const points = values.map((value, index) => `${first + index + 1},${height(value).toFixed(1)}`);
  give(line, 'd', `M${points.join('L')}`);
  give(area, 'd', `M${first + 1},100L${points.join('L')}L${KEPT},100Z`);
}

// The parts of the page

function drawHead() {
  const {server, state} = last;
  say(byId('host'), `${server.host}:${server.port}`);
  document.title = `Pregon ${server.host}:${server.port}`;
  const pill = byId('state');
  say(pill, state);
  pill.className = `pill ${state === 'ready' ? 'ready' : 'unready'}`;
  const memory = `${text(bytes, last.memory.used_bytes)} in use`;
  say(byId('uptime'), `up for ${duration(server.uptime_seconds * 1000)}, ${memory}`);
  say(byId('version'), `Pregon ${server.version}, process ${server.pid}`);
}

function drawWarnings() {
  const {warnings} = last;
  const parent = byId('warning-list');
  byId('warnings').hidden = warnings.length === 0;
  while (parent.children.length > warnings.length) parent.lastElementChild.remove();
  warnings.forEach((warning, index) => {
    let item = parent.children[index];
    if (!item) {
      item = make(parent, 'li');
      make(item, 'b');
      make(item, 'span');
    }
    give(item, 'class', warning.severity);
    say(item.firstElementChild, warning.severity[0].toUpperCase() + warning.severity.slice(1));
    say(item.lastElementChild, warning.text);
  });
  // Who listens to the page hears of each when it comes, and not again when a number in it changes.
  const fresh = warnings.filter((warning) => !told.has(warning.name)).map((warning) => warning.text);
  if (fresh.length) say(byId('news'), `Warning: ${fresh.join('. ')}`);
  told = new Set(warnings.map((warning) => warning.name));
}

function drawClients() {
  const {clients, subscriptions} = last;
  say(byId('clients-total'), `${clients.connections.toLocaleString('en-US')} of ${clients.limit.toLocaleString('en-US')}`);
  const bar = byId('clients-bar');
  const names = byId('clients');
  if (!bar.children.length) {
    for (const [series, title, kind] of CLASSES) {
      make(bar, 'span', kind);
      const name = make(names, 'dt');
      make(name, 'i', kind);
      name.append(title);
      make(names, 'dd').id = `clients-${series}`;
    }
    for (const [id, title] of [['waiting', 'Waits to be written'], ['channels', 'Channels, patterns, shard channels']]) {
      make(names, 'dt', 'apart', title);
      make(names, 'dd', 'apart').id = `clients-${id}`;
    }
  }
  const all = CLASSES.reduce((sum, [series]) => sum + clients[series], 0);
  CLASSES.forEach(([series], index) => {
    bar.children[index].style.width = all ? `${clients[series] * 100 / all}%` : '0';
    say(byId(`clients-${series}`), clients[series].toLocaleString('en-US'));
  });
  give(bar, 'aria-label', CLASSES.map(([series, title]) => `${title}: ${clients[series]}`).join(', '));
  const {pubsub, normal} = clients.waiting_bytes;
  say(byId('clients-waiting'), text(bytes, pubsub + normal));
  const {channels, patterns, shard_channels: shards} = subscriptions;
  say(byId('clients-channels'), [channels, patterns, shards].map((number) => text(count, number)).join(', '));
}

function drawThreads() {
  const body = byId('threads');
  fill(body, last.threads.map((thread) => [
    String(thread.number), null, text(count, thread.clients), text(count, thread.subscribers),
  ]));
  last.threads.forEach((thread, index) => {
    const cell = body.rows[index].cells[1];
    const meter = cell.querySelector('.meter') || newMeter(cell);
    const busy = Math.min(thread.busy_percent, 100);
    meter.querySelector('.track span').style.width = `${busy}%`;
    give(meter.querySelector('.track span'), 'class', busy >= 90 ? 'hot' : '');
    say(meter.lastElementChild, thread.stuck ? 'stuck' : `${busy} %`);
  });
}

function newMeter(cell) {
  cell.replaceChildren();
  const box = make(cell, 'div', 'meter');
  const track = make(box, 'div', 'track');
  make(track, 'span');
  make(box, 'b');
  return box;
}

function drawChannels() {
  const rate = (format, value, unit) => value === null ? '–' : text(format, value) + unit;
  list('channels', last.channels.map((channel) => [
    {value: channel.name, sub: channel.kind === 'channel' ? '' : 'shard channel'},
    rate(count, channel.messages, '/s'),
    rate(count, channel.deliveries, '/s'),
    rate(bytes, channel.bytes, '/s'),
    {value: channel.drops ? rate(count, channel.drops, '/s') : '–', kind: channel.drops ? 'lost' : ''},
    rate(count, channel.subscribers, ''),
  ]));
}

function who({address, user, name}) {
  const own = name === '""' ? '' : name;
  return {value: own || address, sub: [own && address, user !== 'default' && `user ${user}`].filter(Boolean).join(', ')};
}

function drawSlow() {
  list('slow', last.slow.map((one) => {
    const taken = takes(one);
    const share = one.limit_bytes ? `${Math.floor(one.waiting_bytes * 100 / one.limit_bytes)} % of ${text(bytes, one.limit_bytes)}` : 'no limit';
    return [
      who(one),
      {value: text(bytes, one.waiting_bytes), sub: one.waiting_bytes ? share : ''},
      one.behind_ms === null ? '–' : duration(one.behind_ms),
      taken === null ? '–' : `${text(bytes, Math.round(taken))}/s`,
      {value: one.lost_messages ? text(count, one.lost_messages) : '–', kind: one.lost_messages ? 'lost' : ''},
      {value: why(one, taken), sub: `${one.policy}, listens to ${one.subscriptions}, thread ${one.thread}`},
    ];
  }));
}

/** What a client has taken in a second, lately; null as long as that is not known. */
function takes(one) {
  const then = sent.find((board) => board.bytes.has(one.client));
  const seconds = then ? (last.at_ms - then.at_ms) / 1000 : 0;
  return seconds > 0 ? Math.max(0, one.sent_bytes - then.bytes.get(one.client)) / seconds : null;
}

function why(one, taken) {
  if (one.behind_ms === null) return 'keeps up again';
  const refused = one.refused_ms === null ? '' : `; its socket last refused something ${duration(one.refused_ms)} ago`;
  if (taken === 0) return `takes nothing${refused}`;
  if (taken === null) return `does not take what it is sent${refused}`;
  return `takes less than it is sent${refused}`;
}

function drawIncidents() {
  list('incidents', last.incidents.slice(0, 20).map((one) => {
    const isCut = one.kind === 'cut';
    return [
      {value: `${duration(Math.max(0, last.at_ms - one.at_ms))} ago`, sub: new Date(one.at_ms).toLocaleTimeString()},
      who(one),
      {value: isCut ? 'Cut' : 'Lost messages', kind: one.kind},
      isCut ? one.reason : `it does not keep up; policy ${one.reason}`,
      isCut ? (one.waiting_bytes ? `${text(bytes, one.waiting_bytes)} waited` : '–') : `${text(count, one.messages)} messages`,
    ];
  }));
}

function drawBackplane() {
  const found = last.backplane;
  byId('backplane').hidden = !found;
  if (!found) return;
  const more = found.node_count - found.nodes.length;
  say(byId('backplane-state'), `${found.node_count} in all, link to ${found.engine || 'the engine'}: ${found.state}`);
  const error = byId('backplane-error');
  error.hidden = found.state === 'up' || found.last_error === '""';
  say(error, `There was no connection the last time because: ${found.last_error}`);
  const rows = found.nodes.map((node, index) => [
    {value: node.id, sub: index === 0 ? 'this node' : ''},
    node.address,
    node.version,
    text(count, node.clients),
    index === 0 ? '–' : `${duration(node.silent_ms)} ago`,
  ]);
  if (more > 0) rows.push([`and ${more} more`, '', '', '', '']);
  fill(byId('nodes'), rows);
}

function show() {
  drawHead();
  drawWarnings();
  drawCards();
  drawClients();
  drawThreads();
  drawChannels();
  drawSlow();
  drawIncidents();
  drawBackplane();
}

// The stream

function receive(board) {
  heardAt = performance.now();
  const isNext = last && board.number === last.number + 1;
  if (last && !isNext && board.number !== last.number) {
    // Something was missed: what is drawn would have a hole.
    connect();
    return;
  }
  if (isNext) {
    for (const name of Object.keys(board.rates)) {
      const values = history[name] || (history[name] = []);
      values.push(board.rates[name]);
      if (values.length > KEPT) values.shift();
    }
  }
  last = board;
  sent.push({at_ms: board.at_ms, bytes: new Map(board.slow.map((one) => [one.client, one.sent_bytes]))});
  if (sent.length > 10) sent.shift();
  if (!paused) show();
  tell();
}

function connect() {
  if (source) source.close();
  last = null;
  sent = [];
  refused = false;
  source = new EventSource('/events');
  source.addEventListener('history', (event) => {
    history = JSON.parse(event.data);
    last = null;
    sent = [];
  });
  source.addEventListener('board', (event) => receive(JSON.parse(event.data)));
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) {
      refused = true;
      setTimeout(connect, 5000);
    }
    tell();
  });
}

/** Says whether what is shown is of this moment. */
function tell() {
  const age = heardAt ? performance.now() - heardAt : null;
  const isStale = age !== null && age > STALE_MS;
  const isWaiting = age === null;
  document.body.classList.toggle('is-live', !isStale && !isWaiting && !paused);
  document.body.classList.toggle('is-stale', isStale || (isWaiting && refused));
  document.body.classList.toggle('is-paused', paused);
  let value = 'Live';
  if (paused) value = 'Paused';
  else if (isStale) value = `Cut off: these figures are ${duration(age)} old`;
  else if (isWaiting) value = refused ? 'Refused: too many watch already' : 'Connecting';
  say(byId('live'), value);
}

byId('pause').addEventListener('click', () => {
  paused = !paused;
  say(byId('pause'), paused ? 'Go on' : 'Pause');
  if (!paused && last) show();
  tell();
});

// Nobody looks at a page that is hidden: its place is for others.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    if (source) source.close();
  } else {
    connect();
  }
});

setInterval(tell, 1000);
connect();
