// A table that is wider than its place scrolls; let the keyboard scroll it, too.
(() => {
  const mark = () => {
    for (const place of document.querySelectorAll(".md-typeset__scrollwrap")) {
      const scrolls = place.scrollWidth > place.clientWidth;
      place.removeAttribute("tabindex");
      if (scrolls) place.tabIndex = 0;
    }
  };
  window.addEventListener("load", mark);
  window.addEventListener("resize", mark);
  for (const tabs of document.querySelectorAll(".tabbed-set")) tabs.addEventListener("change", mark);
})();
