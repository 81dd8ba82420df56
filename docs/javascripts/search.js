// The theme loads the search's index with each page, and it weighs more than most pages. Let it wait until
// the reader turns to the search; the theme's own script comes after this one.
(() => {
  const { open, send } = XMLHttpRequest.prototype;
  const searches = new URLSearchParams(location.search).has("q");
  const turned = new Promise((resolve) => {
    if (searches) resolve();
    for (const event of ["focusin", "pointerdown"]) {
      document.addEventListener(event, ({ target }) => {
        if (target.closest?.("[data-md-component=search], [for=__search]")) resolve();
      });
    }
  });
  XMLHttpRequest.prototype.open = function (method, address, ...rest) {
    this.waits = String(address).endsWith("/search/search_index.json");
    return open.call(this, method, address, ...rest);
  };
  XMLHttpRequest.prototype.send = function (...content) {
    if (this.waits) turned.then(() => send.apply(this, content));
    else send.apply(this, content);
  };
})();
