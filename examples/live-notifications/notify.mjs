// Calls the API: node notify.mjs URL USER TEXT.

const [url, user, text] = process.argv.slice(2);
const response = await fetch(`${url}/users/${user}/notifications`, { method: "POST", body: JSON.stringify({ text }) });
const { servers, error } = await response.json();
console.log(response.ok ? `${servers} servers have heard it` : `refused: ${error}`);
