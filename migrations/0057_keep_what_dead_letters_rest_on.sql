-- Of an event that was handled, another copy may lie among the dead letters: the same event, sent once more with headers that
-- are refused. That it was handled is known from here alone, so it stays as long as that letter does: 'replay --verify' took
-- such an event for one that had never counted, once 40 days had passed.
UPDATE housekeeping.rules SET
  over = 'handled_at < $1 AND NOT EXISTS (SELECT FROM messaging.dead_letters d WHERE d.worker = inbox_foreign.worker '
         'AND d.event_id = inbox_foreign.event_id)',
  reason = 'an event of an application is known again for 40 days, and as long as a copy of it is a dead letter'
WHERE relation = 'messaging.inbox_foreign'::regclass;
