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
