// Wide tables scroll in a frame that the theme puts around them: it can be reached with the tab key.
document$.subscribe(() => {
  for (const frame of document.querySelectorAll(".md-typeset__scrollwrap")) frame.tabIndex = 0;
});
