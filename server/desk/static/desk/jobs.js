"use strict";
// Renews the list of jobs; the forms beside it keep what is being typed.
const list = document.getElementById("desk-jobs");
setInterval(async () => {
  const answer = await fetch(list.dataset.url);
  if (answer.ok && !answer.redirected) list.innerHTML = await answer.text();
}, 2000);
