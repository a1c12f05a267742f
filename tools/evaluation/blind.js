// The order of a blind test, and what its answers say. No page is touched here.

// Numbers of [0, 1) from a seed of 32 bits, so that an order can be made again from its result file (the generator mulberry32).
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 4294967296;
  };
}

// Every order is as likely as any other (Fisher and Yates).
function shuffled(items, random) {
  const made = [...items];
  for (let last = made.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [made[last], made[other]] = [made[other], made[last]];
  }
  return made;
}

// Each recording comes before one comes again. Which of the two systems is A, and which is X, is drawn each time.
function abxTrials(recordings, systems, count, random) {
  const order = [];
  while (order.length < count) order.push(...shuffled(recordings, random));
  return order.slice(0, count).map((recording) => {
    const [a, b] = shuffled(systems, random);
    return { recording, a, b, x: random() < 0.5 ? a : b };
  });
}

// Each recording once; the reference is also among what is rated.
function ratingTrials(recordings, systems, reference, random) {
  return shuffled(recordings, random).map((recording) => ({
    recording,
    stimuli: shuffled([reference, ...systems], random),
  }));
}

// How likely at least `right` right answers of `count` are for somebody who guesses.
function guessed(right, count) {
  let ways = 1;
  let sum = 0;
  for (let k = 0; k <= count; k++) {
    if (k >= right) sum += ways;
    ways = (ways * (count - k)) / (k + 1);
  }
  return sum / 2 ** count;
}

// `answers` are the systems that the listener took for X, one a trial.
function abxResult(trials, answers) {
  const told = trials.map((trial, place) => ({
    ...trial,
    answer: answers[place],
    right: answers[place] === trial.x,
  }));
  const right = told.filter((trial) => trial.right).length;
  return { trials: told, right, count: told.length, p: guessed(right, told.length) };
}

// `scores` are figures of 0 to 100, for each trial one a stimulus.
function ratingResult(trials, scores) {
  const all = {};
  const told = trials.map((trial, place) => ({
    recording: trial.recording,
    ratings: trial.stimuli.map((system, at) => {
      (all[system] ??= []).push(scores[place][at]);
      return { system, score: scores[place][at] };
    }),
  }));
  const means = Object.entries(all).map(([system, found]) => {
    const mean = found.reduce((sum, score) => sum + score, 0) / found.length;
    const squares = found.reduce((sum, score) => sum + (score - mean) ** 2, 0);
    return {
      system,
      mean,
      standard_error: found.length > 1 ? Math.sqrt(squares / (found.length - 1) / found.length) : null,
    };
  });
  return { trials: told, means: means.sort((one, other) => other.mean - one.mean) };
}
