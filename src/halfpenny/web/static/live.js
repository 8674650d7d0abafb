// Funding bars that move as money comes in. The page is complete without this script: it only keeps it current.
//
// One socket a page. It watches the market where there is a list and one loan where there is one loan, resumes
// after a lost connection with the last sequence number that it saw, and ignores anything older than what is shown.

const language = document.documentElement.lang;
const whole = (value) => new Intl.NumberFormat(language === "pl" ? "pl" : "en-GB").format(value);
const percent = (value) =>
  new Intl.NumberFormat(language === "pl" ? "pl" : "en-GB", { style: "percent" }).format(value / 100);
const money = (amount, currency) =>
  new Intl.NumberFormat(language === "pl" ? "pl" : "en-GB", {
    style: "currency",
    currency,
    trailingZeroDisplay: "stripIfInteger",
  }).format(amount);

// Amounts are decimal strings; in whole cents they are exact, and a share of them is computed without fractions.
const cents = (amount) => BigInt(amount.replace(".", ""));

const RETRY_MS = [500, 1000, 2000, 5000, 10000];
const sequences = new Map();
let attempt = 0;

function show(funding) {
  const place = document.querySelector(`.funding[data-loan="${CSS.escape(funding.loan_id)}"]`);
  if (!place || Number(place.dataset.version) >= funding.version) return;
  place.dataset.version = funding.version;
  const target = cents(funding.target);
  const tenThousandths = Number((cents(funding.funded) * 10000n) / target);
  const shown = percent(Math.floor(tenThousandths / 100));
  const bar = place.querySelector("progress");
  bar.value = tenThousandths;
  bar.setAttribute("aria-valuetext", shown);
  place.querySelector("[data-funded]").textContent = money(funding.funded, funding.currency);
  place.querySelector("[data-percent]").textContent = shown;
  place.querySelector("[data-investors]").textContent = whole(funding.investors);
  place.classList.remove("moved");
  // Reading the layout lets the animation start again from its beginning.
  void place.offsetWidth;
  place.classList.add("moved");
  announce(funding.loan_id, Math.floor(tenThousandths / 100), shown);
}

// A screen reader is told at each tenth, not at every ticket.
function announce(loan, share, shown) {
  const voice = document.querySelector(`[data-announce="${CSS.escape(loan)}"]`);
  if (!voice) return;
  const tenth = Math.floor(share / 10);
  if (voice.dataset.tenth !== undefined && voice.dataset.tenth !== String(tenth)) {
    voice.textContent = `${shown} ${voice.dataset.words}`;
  }
  voice.dataset.tenth = tenth;
}

function fundings(data) {
  if (Array.isArray(data)) return data;
  if (Array.isArray(data?.loans)) return data.loans;
  return data?.funding ? [data.funding] : data?.loan_id ? [data] : [];
}

function topics() {
  const loan = document.querySelector("[data-announce]");
  if (loan) return [`loan:${loan.dataset.announce}`];
  return document.querySelector("#results") ? ["marketplace"] : [];
}

function connect() {
  const watched = topics();
  if (watched.length === 0) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws`);
  socket.addEventListener("open", () => {
    attempt = 0;
    for (const topic of watched) {
      const after = sequences.get(topic);
      socket.send(JSON.stringify({ op: "subscribe", topic, ...(after === undefined ? {} : { after }) }));
    }
  });
  socket.addEventListener("message", (event) => {
    const frame = JSON.parse(event.data);
    if (frame.type !== "snapshot" && frame.type !== "update") return;
    sequences.set(frame.topic, frame.seq);
    document.documentElement.dataset.live = "yes";
    for (const funding of fundings(frame.data)) show(funding);
  });
  socket.addEventListener("close", () => {
    document.documentElement.dataset.live = "no";
    const wait = RETRY_MS[Math.min(attempt++, RETRY_MS.length - 1)];
    // Spread the return of many readers after a restart.
    setTimeout(connect, wait * (0.5 + Math.random()));
  });
}

// After "show more", the keyboard goes on at the first loan that came.
document.addEventListener("click", (event) => {
  if (event.target.closest?.("#more a")) {
    const shown = document.querySelectorAll("#loans > li").length;
    const list = document.querySelector("#loans");
    new MutationObserver((_, observer) => {
      const first = list.children[shown]?.querySelector("a");
      if (first) {
        observer.disconnect();
        first.focus({ preventScroll: true });
      }
    }).observe(list, { childList: true });
  }
});

connect();
