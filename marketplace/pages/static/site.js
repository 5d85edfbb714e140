"use strict";
// Everything on these pages works without this file; it only saves some steps.

const offerCopying = (root) => {
  for (const button of root.querySelectorAll("button.copy")) {
    if (!navigator.clipboard) break; // only on secure origins
    button.hidden = false;
    button.addEventListener("click", async () => {
      const said = button.textContent;
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not copied";
      }
      setTimeout(() => { button.textContent = said; }, 1500);
    });
  }
};
offerCopying(document);

const words = document.getElementById("q");
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, [contenteditable]");
  if (event.key !== "/" || typing || !words || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  words.focus();
  words.select();
});

// A check shows its report beside the form, so that the chosen file stays chosen for the upload.
const form = document.querySelector("form[data-check]");
if (form) {
  const area = form.querySelector(".drop");
  const input = form.querySelector("input[type=file]");
  const report = document.getElementById("report");
  for (const hint of form.querySelectorAll(".with-script")) hint.hidden = false;

  // Whoever drops an image here means well: it is not sent, and the page that takes images is named.
  const isImage = async () => {
    const file = input.files[0];
    if (!file) return false;
    const start = new TextDecoder().decode(await file.slice(0, 64).arrayBuffer());
    return file.size > Number(form.dataset.most) || !/^[\s\uFEFF]*</.test(start);
  };
  const refuse = () => {
    const link = Object.assign(document.createElement("a"), { href: form.dataset.publish, textContent: "publish page" });
    report.replaceChildren("This file is not signed metadata, and it was not sent. If it is an image, describe it on the ", link, ".");
  };

  const check = async () => {
    if (await isImage()) {
      refuse();
      return;
    }
    report.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.dataset.check, {
        method: "POST", body: new FormData(form), headers: { Accept: "text/html" },
      });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = page.getElementById("report") ?? page.querySelector("main");
      report.replaceChildren(...found.childNodes);
    } catch {
      report.textContent = "The check was not answered. Try again in a moment.";
    }
    report.removeAttribute("aria-busy");
  };

  let known = false;
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (button?.formAction === form.dataset.check || button?.getAttribute("formaction") === form.dataset.check) {
      event.preventDefault();
      check();
    } else if (!known) {
      event.preventDefault();
      known = !(await isImage());
      if (known) form.requestSubmit(button);
      else refuse();
    }
  });
  input.addEventListener("change", () => { known = false; });
  for (const name of ["dragenter", "dragover"]) {
    area.addEventListener(name, (event) => { event.preventDefault(); area.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) {
    area.addEventListener(name, () => area.classList.remove("over"));
  }
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) {
      input.files = event.dataTransfer.files;
      check();
    }
  });
}
