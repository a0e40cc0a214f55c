// Files that come to this browser: part by part, so that neither side holds all of a large one at once.
"use strict";
saga.on_offer = (message) => saga.fetch_file(message);
saga.fetch_file = async ({ id, name, bytes }) => {
  const parts = [];
  const megabytes = (size) => (size / 1e6).toFixed(1);
  for (let have = 0; have < bytes; ) {
    const answer = await fetch(`/saga/download/${id}?from=${have}`).catch(() => null);
    if (!answer || !answer.ok) return saga.say(`${name}: the download ended early; ask for it again.`, true);
    const part = await answer.blob();
    parts.push(part);
    have += part.size;
    saga.say(`${name}: ${megabytes(have)} of ${megabytes(bytes)} MB are here`);
  }
  const link = saga.make("a", { href: URL.createObjectURL(new Blob(parts)), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};
