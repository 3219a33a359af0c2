// Shows what has changed every three seconds; forms that somebody fills in stand outside of it.
setInterval(async () => {
  const place = document.getElementById("live");
  if (!place || place.contains(document.activeElement)) return;
  try {
    const text = await (await fetch(location.href)).text();
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("live");
    if (fresh && !place.contains(document.activeElement)) place.replaceWith(fresh);
  } catch (_) { /* the demo has ended */ }
}, 3000);
