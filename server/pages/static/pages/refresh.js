// Keeps every element with data-refresh="seconds" and an id up to date, while the page is in sight.
"use strict";
for (const element of document.querySelectorAll("[data-refresh][id]")) {
  const seconds = Number(element.dataset.refresh);
  const turn = async () => {
    if (!document.hidden && !getSelection().toString()) {
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (answer.redirected) { location.reload(); return; }
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(element.id);
        if (answer.ok && fresh) element.replaceChildren(...fresh.childNodes);
      } catch { /* the server is away for a moment: the next turn asks again */ }
    }
    setTimeout(turn, seconds * 1000);
  };
  setTimeout(turn, seconds * 1000);
}
