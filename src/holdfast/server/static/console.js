// Conveniences only; every page works without this file. Copyright the Holdfast authors, Apache-2.0.
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    document.getElementById("q")?.select();
  }
});

document.addEventListener("click", (event) => {
  const digest = event.target.closest("code.digest");
  if (digest && navigator.clipboard) {
    navigator.clipboard.writeText(digest.title).then(() => {
      digest.dataset.copied = "";
      setTimeout(() => delete digest.dataset.copied, 1200);
    });
  }
});

// A second click on a button does nothing while the first one is under way.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
});
