"use strict";
// Everything on these pages works without this file; it only saves some steps.

for (const button of document.querySelectorAll("button.copy")) {
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

// A check shows its report beside the form, so that the chosen file stays chosen for the upload.
const form = document.querySelector("form[data-check]");
if (form) {
  const area = form.querySelector(".drop");
  const input = form.querySelector("input[type=file]");
  const report = document.getElementById("report");
  for (const hint of form.querySelectorAll(".with-script")) hint.hidden = false;

  const check = async () => {
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

  form.addEventListener("submit", (event) => {
    if (event.submitter?.hasAttribute("formaction")) {
      event.preventDefault();
      check();
    }
  });
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
