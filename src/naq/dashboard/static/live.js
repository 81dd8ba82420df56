// Hears from the dashboard what has changed. The browser connects again by itself.

export function listen(changed, state) {
  const source = new EventSource("api/live");
  source.onmessage = message => {
    const { topics, error } = JSON.parse(message.data);
    state(error ? "lost" : "live", error);
    if (!error) changed(new Set(topics));
  };
  source.onerror = () => {
    // The stream ends now and then on purpose; only one that does not come back is a problem.
    if (source.readyState === EventSource.CLOSED) {
      state("lost", "the dashboard does not answer");
      setTimeout(() => listen(changed, state), 2000);
      return;
    }
    const lost = setTimeout(() => state("lost", "the dashboard does not answer"), 2500);
    source.onopen = () => clearTimeout(lost);
  };
}
