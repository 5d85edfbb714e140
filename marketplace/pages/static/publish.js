"use strict";
// Reads an image in the browser and fills in the form; checks the form while it is filled in.

const draft = document.querySelector("form[data-draft]");
const area = draft.querySelector(".drop");
const picked = draft.querySelector("input[type=file]");
const reading = document.getElementById("reading");
const read = document.getElementById("read");
const report = document.getElementById("report");

for (const hint of draft.querySelectorAll(".with-script")) hint.hidden = false;
for (const hint of draft.querySelectorAll(".without-script")) hint.hidden = true;

let asked = 0;
let waiting;
const look = async () => {
  const turn = ++asked;
  const fields = new URLSearchParams(new FormData(draft));
  report.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(draft.action, { method: "POST", body: fields, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    // An answer that was overtaken by a later question is old.
    if (turn === asked) {
      report.replaceChildren(...(page.getElementById("report") ?? page.querySelector("main")).childNodes);
      offerCopying(report);
    }
  } catch {
    if (turn === asked) report.textContent = "The check was not answered. Try again in a moment.";
  }
  if (turn === asked) report.removeAttribute("aria-busy");
};
const lookSoon = () => {
  clearTimeout(waiting);
  waiting = setTimeout(look, 600);
};
draft.addEventListener("input", (event) => { if (event.target !== picked) lookSoon(); });
draft.addEventListener("submit", (event) => {
  if (event.submitter?.value === "check") {
    event.preventDefault();
    clearTimeout(waiting);
    look();
  }
});

const text = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));
// Only what the first bytes prove; a raw disk proves nothing.
const formatOf = (start) => {
  if (text(start, 0, 4) === "QFI\xfb") return "qcow2";
  if (text(start, 0, 4) === "KDMV") return "vmdk";
  if (text(start, 0, 8) === "vhdxfile") return "vhdx";
  if (text(start, 64, 68) === "\x7f\x10\xda\xbe") return "vdi";
  return "";
};
const PACKED = [["\x1f\x8b", "gz"], ["\xfd7zXZ\0", "xz"], ["BZh", "bz2"], ["\x28\xb5\x2f\xfd", "zst"]];
const packingOf = (start) => (PACKED.find(([magic]) => text(start, 0, magic.length) === magic) ?? ["", ""])[1];

const set = (name, value) => { draft.elements.namedItem(name).value = value; };
const grouped = (number) => number.toLocaleString("en").replaceAll(",", "\u202f");

let workers = [];
const measure = (file, names, gzip, progress) => new Promise((resolve, reject) => {
  const worker = new Worker(draft.dataset.worker, { type: "module" });
  workers.push(worker);
  worker.onerror = (event) => reject(new Error(event.message || "the digests cannot be computed here"));
  worker.onmessage = ({ data }) => {
    if (data.failure) reject(new Error(data.failure));
    else if (data.digests) resolve(data);
    else progress(data.taken);
  };
  worker.postMessage({ file, names, gzip });
});

const take = async (file) => {
  for (const worker of workers) worker.terminate();
  workers = [];
  for (const name of ["bytes", "md5", "sha1", "sha256", "sha512"]) set(name, "");
  if (!file.size) {
    read.textContent = `${file.name} is empty.`;
    return;
  }
  const packing = packingOf(new Uint8Array(await file.slice(0, 16).arrayBuffer()));
  if (packing && packing !== "gz") {
    read.textContent = `Digests are of the uncompressed bytes, and a browser cannot read ${packing}: use marketplace describe ${file.name}, or choose the uncompressed file.`;
    return;
  }
  reading.hidden = false;
  reading.value = 0;
  read.textContent = `Reading ${file.name}`;
  const own = workers;
  const progress = (taken) => { if (own === workers) reading.value = Math.max(reading.value, taken / file.size); };
  try {
    // SHA-512 costs about as much as the other three: a core for each half.
    const [strong, others] = await Promise.all([
      measure(file, ["sha512"], packing === "gz", progress),
      measure(file, ["md5", "sha1", "sha256"], packing === "gz", progress),
    ]);
    if (own !== workers) return;
    if (strong.size !== others.size) throw new Error("the file changed while it was read");
    set("bytes", String(strong.size));
    for (const [name, value] of Object.entries({ ...strong.digests, ...others.digests })) set(name, value);
    const format = formatOf(strong.start);
    if (format) set("format", format);
    set("compression", packing);
    read.textContent = `${file.name}: ${grouped(strong.size)} bytes${format ? `, ${format}` : ""}${packing ? `, compressed as ${packing}` : ""}.`
      + (format ? "" : " Nothing in the content tells its format: if it is a raw disk, write raw.");
    look();
  } catch (error) {
    if (own === workers) read.textContent = `${file.name} cannot be read: ${error.message}. marketplace describe reads it on the command line.`;
  } finally {
    if (own === workers) reading.hidden = true;
  }
};
const takePicked = () => { if (picked.files.length) take(picked.files[0]); };
picked.addEventListener("change", takePicked);
// A file may be chosen before this script is there, or kept over a reload.
takePicked();
for (const name of ["dragenter", "dragover"]) {
  area.addEventListener(name, (event) => { event.preventDefault(); area.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) {
  area.addEventListener(name, () => area.classList.remove("over"));
}
area.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
});
