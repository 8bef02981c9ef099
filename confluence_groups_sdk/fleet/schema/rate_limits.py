"""The shared rate limiter's tables and functions: the rules of `RateLimiter`, as PL/pgSQL.

The numbers are those that `RateLimiter` had when this step was written. A test compares both on the same events: if a
number of `RateLimiter` changes, a new step has to replace the functions.
"""

from __future__ import annotations

NUMBERS = {
    "BACKOFF_FACTOR": 0.9,
    "FLOOR_FACTOR": 0.5,
    "MEASUREMENT_WINDOW_S": 30,
    "MEASUREMENT_STEP_S": 0.1,
    "BURST_ALLOWANCE_S": 1.0,
    "FALLBACK_CALLS_PER_S": 10.0,
    "MIN_CALLS_PER_S": 1.0,
    "MAX_CALLS_PER_S": 100000.0,
    "GROWTH_PER_S": 0.01,
    "CLIMB_DOUBLING_S": 60.0,
    "MAX_GROWTH_EXPONENT": 50.0,
    "CATCH_UP_S": 0.1,
    "CLOCK_RESOLUTION_S": 0.001,
    "CLOCK_JITTER_S": 1.0,  # a clock that is set back by more moves all moments along
    "MEMBER_TIMEOUT_S": 5.0,  # a process that was not heard of for so long has ended
    "ASKING_TIMEOUT_S": 2.0,  # until then, others let a process that was behind catch up
    "LEAD_S": 0.03,  # a process may be ahead of its share by the turns of so much time,
    "LEAD_TURNS": 0.24,  # or by this: at a slow pace, one after the other gets a turn
    "QUEUE_S": 0.03,  # a process that is ahead gets a turn only if the others have not taken the next ones
    "CREDIT_S": 3.0,  # a process that began later or asked for less than its share may catch up with so much of it,
    "CREDIT_TURNS": 5.0,  # or with this
    "START_CALLS": 4.0,  # without a rate, all processes together have so many calls in flight
    "START_GROWTH": 0.1,  # and more for each of about the last START_MEMORY_S: few are rate-limited
    "START_MEMORY_S": 30.0,
    "ANSWER_MEMORY_S": 2.0,  # calls of processes that have ended are forgotten in about this time
    "POLL_S": 0.02,  # after this time, a call without a place among these asks again
}

TABLES = """
CREATE UNLOGGED TABLE {schema}.rate_limits (
  site text PRIMARY KEY,
  epoch bigint NOT NULL,                            -- grows when turns become void
  rate float8,                                      -- calls per second at the moment "since", from which it climbs
  since float8,
  rate_before float8,                               -- the limit before the last 429
  next_free float8 NOT NULL DEFAULT '-infinity',    -- when the next call may be sent
  held_until float8 NOT NULL DEFAULT '-infinity',
  step_start float8 NOT NULL DEFAULT '-infinity',   -- of the newest row in rate_limit_steps
  read_at float8 NOT NULL DEFAULT '-infinity',      -- the newest reading of the clock
  recent_turns float8 NOT NULL DEFAULT 0,           -- without a rate: of about the last {START_MEMORY_S} s
  unanswered float8 NOT NULL DEFAULT 0              -- without a rate: calls in flight
) WITH (fillfactor = 20);

CREATE UNLOGGED TABLE {schema}.rate_limit_steps (
  site text NOT NULL,
  start float8 NOT NULL,
  calls integer NOT NULL,
  PRIMARY KEY (site, start)
) WITH (fillfactor = 50);

CREATE UNLOGGED TABLE {schema}.rate_limit_members (
  site text NOT NULL,
  member text NOT NULL,
  seen float8 NOT NULL,
  is_asking boolean NOT NULL,                       -- whether it has calls that wait for a turn
  turns float8 NOT NULL,                            -- that it was granted and has used
  PRIMARY KEY (site, member)
) WITH (fillfactor = 50);
"""

RULES = """
CREATE FUNCTION {schema}.rate_at(rate float8, since float8, moment float8) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
  SELECT nullif(least(rate * exp(least(
    {GROWTH_PER_S} * t * (1 + t / (2 * {CLIMB_DOUBLING_S})), {MAX_GROWTH_EXPONENT})), {MAX_CALLS_PER_S}),
    {MAX_CALLS_PER_S})
  FROM (SELECT greatest(0.0, moment - since) AS t) AS passed
$$;

CREATE FUNCTION {schema}.measured_rate(of_site text, moment float8, before float8) RETURNS float8
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN before IS NULL THEN found
    ELSE greatest(least(found, {BACKOFF_FACTOR} * before), {FLOOR_FACTOR} * before) END
  FROM (
    SELECT coalesce({BACKOFF_FACTOR} * max(calls / (moment - start + {BURST_ALLOWANCE_S})), {FALLBACK_CALLS_PER_S})
      AS found
    FROM (
      SELECT start, sum(calls) OVER (ORDER BY start DESC) AS calls FROM {schema}.rate_limit_steps
      WHERE site = of_site AND start >= moment - {MEASUREMENT_WINDOW_S}
    ) AS windows
  ) AS best
$$;
"""

TURNS = """
CREATE FUNCTION {schema}.take_turns(
  of_site text, by_member text, is_alive boolean,   -- by_member is counted as alive if is_alive
  events text,                                      -- what has happened: ScheduleEvents.encode
  wanted integer, is_asking boolean,                -- turns, and whether calls wait for these or more
  known_rate float8, known_hold float8, is_new boolean,  -- what the member knows, if the database may know less
  read_clock float8,                                -- NULL for the clock of the database
  OUT delays float8[], OUT turn_interval float8, OUT turn_epoch bigint, OUT rate float8, OUT held float8,
  OUT members integer, OUT ask_again float8         -- if there are fewer turns than wanted: seconds until there may be
) LANGUAGE plpgsql AS $$
DECLARE
  s {schema}.rate_limits;
  event jsonb; kind text; moment float8; turn float8; clock float8; is_created boolean; pause float8; shift float8;
  passed float8; allowed integer; asking integer; average float8; used float8; unused integer := 0;
BEGIN
  SELECT * INTO s FROM {schema}.rate_limits AS l WHERE l.site = of_site FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO {schema}.rate_limits (site, epoch) VALUES (of_site, floor(random() * 1e15)) ON CONFLICT DO NOTHING;
    is_created := FOUND;
    SELECT * INTO s FROM {schema}.rate_limits AS l WHERE l.site = of_site FOR UPDATE;
  END IF;
  clock := coalesce(read_clock, extract(epoch FROM clock_timestamp())::float8);
  IF clock < s.read_at - {CLOCK_JITTER_S} THEN      -- the clock was set back
    shift := clock - s.read_at;
    s.since := s.since + shift;
    s.next_free := s.next_free + shift;
    s.held_until := s.held_until + shift;
    s.step_start := s.step_start + shift;
    UPDATE {schema}.rate_limit_steps AS a SET start = a.start + shift WHERE a.site = of_site;
    UPDATE {schema}.rate_limit_members AS m SET seen = m.seen + shift WHERE m.site = of_site;
  ELSE
    clock := greatest(clock, s.read_at);
  END IF;
  passed := greatest(clock - s.read_at, 0);
  s.recent_turns := s.recent_turns / (1 + passed / {START_MEMORY_S});
  s.unanswered := s.unanswered / (1 + passed / {ANSWER_MEMORY_S});
  s.read_at := clock;
  IF is_created OR is_new THEN
    IF known_rate < coalesce({schema}.rate_at(s.rate, s.since, clock), 'infinity') THEN
      s.rate := known_rate;
      s.since := clock;
    END IF;
    IF clock + known_hold > s.held_until THEN
      s.held_until := clock + known_hold;
      s.next_free := s.held_until;
      s.epoch := s.epoch + 1;
    END IF;
  END IF;

  FOR event IN SELECT * FROM jsonb_array_elements(events::jsonb) LOOP
    kind := event ->> 0;
    s.unanswered := s.unanswered - CASE WHEN kind IN ('accepted', 'unused') THEN (event ->> 2)::integer ELSE 1 END;
    moment := clock - greatest((event ->> 1)::float8, 0);
    IF kind = 'accepted' THEN
      moment := greatest(moment, s.step_start);
      IF moment - s.step_start < {MEASUREMENT_STEP_S} THEN
        UPDATE {schema}.rate_limit_steps AS a SET calls = a.calls + (event ->> 2)::integer
        WHERE a.site = of_site AND a.start = s.step_start;
      ELSE
        INSERT INTO {schema}.rate_limit_steps VALUES (of_site, moment, (event ->> 2)::integer);
        DELETE FROM {schema}.rate_limit_steps AS a
        WHERE a.site = of_site AND a.start < moment - 2 * {MEASUREMENT_WINDOW_S};
        s.step_start := moment;
      END IF;
      IF moment < s.since THEN                      -- sent before the 429, so part of what was accepted until then
        s.rate := greatest({schema}.measured_rate(of_site, moment, s.rate_before), s.rate);
      END IF;
    ELSIF kind = 'released' THEN
      IF (event ->> 2)::bigint = s.epoch THEN
        s.next_free := s.next_free - (event ->> 3)::float8;
        unused := unused + 1;
      END IF;
    ELSIF kind = 'unused' THEN
      unused := unused + (event ->> 2)::integer;
    ELSE                                            -- held, rate-limited
      pause := (event ->> 2)::float8;
      IF moment + pause > s.held_until THEN
        s.held_until := moment + pause;
        s.next_free := s.held_until;
        s.epoch := s.epoch + 1;
      END IF;
      unused := unused + 1;
      IF kind = 'rate-limited' AND (s.rate IS NULL OR clock - (event ->> 3)::float8 >= s.since) THEN
        s.rate_before := {schema}.rate_at(s.rate, s.since, moment);
        s.rate := greatest({schema}.measured_rate(of_site, moment, s.rate_before), {MIN_CALLS_PER_S});
        s.since := moment + pause;
      END IF;
    END IF;
  END LOOP;

  rate := {schema}.rate_at(s.rate, s.since, clock);
  turn_interval := coalesce(1 / rate, 0);
  IF rate IS NULL THEN
    s.unanswered := greatest(s.unanswered, 0);
    allowed := floor({START_CALLS} + {START_GROWTH} * s.recent_turns - s.unanswered);
    IF wanted > allowed THEN
      ask_again := {POLL_S};
      wanted := greatest(allowed, 0);
    END IF;
    s.recent_turns := s.recent_turns + wanted;
    s.unanswered := s.unanswered + wanted;
  END IF;
  IF is_alive OR wanted > 0 OR unused > 0 THEN
    SELECT count(*), avg(m.turns) INTO asking, average FROM {schema}.rate_limit_members AS m
    WHERE m.site = of_site AND m.member <> by_member AND m.is_asking AND m.seen > clock - {ASKING_TIMEOUT_S};
    SELECT m.turns INTO used FROM {schema}.rate_limit_members AS m WHERE m.site = of_site AND m.member = by_member;
    used := greatest(coalesce(used, 0) - unused, 0);
    IF rate IS NOT NULL THEN
      used := greatest(used, average - greatest({CREDIT_S} * rate / (asking + 1), {CREDIT_TURNS}));
    END IF;
    IF s.next_free > clock + {QUEUE_S}
      AND (used - average) * asking / (asking + 1) > greatest({LEAD_S} * rate, {LEAD_TURNS}) THEN
      ask_again := s.next_free - clock - {QUEUE_S} / 2;
      wanted := 0;
    END IF;
    INSERT INTO {schema}.rate_limit_members AS m
    VALUES (of_site, by_member, clock, take_turns.is_asking, used + wanted)
    ON CONFLICT (site, member) DO UPDATE SET seen = clock, is_asking = excluded.is_asking, turns = excluded.turns;
  END IF;
  delays := '{{}}';
  FOR i IN 1..wanted LOOP
    turn := greatest(clock, s.held_until);
    IF rate IS NOT NULL THEN
      s.next_free := greatest(s.next_free, turn - {CATCH_UP_S});
      turn := greatest(turn, s.next_free);
      s.next_free := s.next_free + turn_interval;
    END IF;
    delays := delays || CASE WHEN turn - clock >= {CLOCK_RESOLUTION_S} THEN turn - clock ELSE 0 END;
  END LOOP;
  turn_epoch := s.epoch;
  held := greatest(s.held_until - clock, 0);
  UPDATE {schema}.rate_limits AS l SET epoch = s.epoch, rate = s.rate, since = s.since, rate_before = s.rate_before,
    next_free = s.next_free, held_until = s.held_until, step_start = s.step_start, read_at = s.read_at,
    recent_turns = s.recent_turns, unanswered = s.unanswered
  WHERE l.site = of_site;

  IF is_alive THEN
    DELETE FROM {schema}.rate_limit_members AS m WHERE m.site = of_site AND m.seen < clock - {MEMBER_TIMEOUT_S};
    SELECT count(*) INTO members FROM {schema}.rate_limit_members AS m WHERE m.site = of_site;
  END IF;
END
$$;
"""

RATE_LIMITS = (TABLES + RULES + TURNS).format(schema="{schema}", **NUMBERS)
