-- What a database of 0.1.0 may hold: every status, phase and kind, and rows enough that a rewrite would show.
INSERT INTO auth.users (id) VALUES ('00000000-0000-4000-8000-0000000000aa');

INSERT INTO ops.deployments (deployment_id, service, environment, version, git_commit, git_branch, deployed_by, deployed_at,
  status, rollback_from, health_check_passed, health_check_details, constitutional_validation, metadata, completed_at,
  rolled_back_at, fence, unfenced, policy, baseline, entropy, recorded_at, replaced_at, restores)
SELECT
  ('10000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'storefront', 'production', 'v1.' || n,
  encode(sha256(convert_to('v' || n, 'UTF8')), 'hex'), 'main',
  CASE WHEN n % 2 = 0 THEN '00000000-0000-4000-8000-0000000000aa'::uuid END,
  now() - make_interval(days => 40 - n),
  CASE WHEN n = 40 THEN 'in_progress' WHEN n = 41 THEN 'pending' WHEN n = 38 THEN 'rolled_back' WHEN n % 7 = 0 THEN 'failed' ELSE 'success' END,
  CASE WHEN n = 39 THEN '10000000-0000-4000-8000-000000000038'::uuid END,
  n % 7 <> 0 AND n < 40,
  CASE WHEN n < 40 THEN '{"verdict": "healthy", "evidence": "errors_only"}'::jsonb END,
  CASE WHEN n % 10 = 0 THEN '{"compliant": true, "violations": [], "warnings": []}'::jsonb END,
  jsonb_build_object('run_url', 'https://example.com/' || n, 'text', E'„quotes“, \\u00e9, \\\\, \n'),
  CASE WHEN n < 40 THEN now() - make_interval(days => 39 - n) END,
  CASE WHEN n = 38 THEN now() - interval '1 day' END,
  n, n % 5 = 0,
  '{"mode": "auto", "thresholds": {"error_rate_per_minute": 5, "recent_errors": 50, "database_connection_percent": 90, "p95_response_ms": 5000, "memory_percent": 95, "rate_window_seconds": 60, "for_seconds": 0}, "watch": {"window_seconds": 300, "verify_seconds": 60, "drain_seconds": 5, "auto_rollback_within_seconds": 1800, "verify_deadline_seconds": 300}, "decision_wait_seconds": 1800, "migrations": "keep", "rollbacks_per_hour": 3}',
  CASE WHEN n > 1 THEN '{"in_breach": []}'::jsonb END,
  CASE WHEN n % 7 <> 0 AND n < 40 THEN n / 400.0 END,
  now() - make_interval(days => 40 - n),
  CASE WHEN n < 40 THEN now() - make_interval(days => 39 - n) END,
  CASE WHEN n = 39 THEN '10000000-0000-4000-8000-000000000037'::uuid END
FROM generate_series(1, 41) n;

INSERT INTO ops.live (service, environment, deployment_id, fence, last_fence) VALUES
  ('storefront', 'production', '10000000-0000-4000-8000-000000000040', 40, 41),
  ('storefront', 'staging', NULL, 0, 0);

INSERT INTO ops.guards (deployment_id, workflow_id, phase, verdict, reason, outcome, started_at, ended_at)
SELECT deployment_id, 'guard:' || deployment_id,
  CASE WHEN status = 'in_progress' THEN 'standing_by' ELSE 'ended' END,
  (ARRAY['healthy', 'breach', 'inconclusive', 'superseded', NULL])[1 + fence % 5],
  'System healthy', CASE WHEN status <> 'in_progress' THEN '{"kind": "healthy"}'::jsonb END,
  deployed_at, CASE WHEN status <> 'in_progress' THEN deployed_at + interval '35 minutes' END
FROM ops.deployments WHERE status <> 'pending';

INSERT INTO ops.guard_verdicts (deployment_id, phase, verdict, trigger_type, reason, health, signals, fault_at, decided_at)
SELECT deployment_id, phase, CASE WHEN phase = 'standby' THEN 'ended' ELSE (ARRAY['healthy', 'breach', 'inconclusive', 'superseded'])[1 + fence % 4] END,
  CASE WHEN fence % 9 = 0 THEN 'constitutional_violation' ELSE 'automatic' END,
  'High error rate: 6 errors/minute', '{"healthy": false}', '[]', deployed_at, deployed_at + interval '5 minutes'
FROM ops.deployments, unnest(ARRAY['window', 'standby']) AS phase WHERE status <> 'pending';

INSERT INTO ops.rollback_events (event_id, deployment_id, trigger_type, trigger_reason, initiated_by, initiated_at, status,
  rollback_plan, rollback_steps, constitutional_validation, completed_at, metadata, service, environment, phase,
  idempotency_key, request_hash, target_deployment_id, target_forced, replacement_deployment_id, snapshot_id,
  refused_event_id, override, fence, moments, detail, progress, abort, deployer)
SELECT
  ('20000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
  ('10000000-0000-4000-8000-' || lpad((n % 37 + 1)::text, 12, '0'))::uuid,
  (ARRAY['automatic', 'manual', 'constitutional_violation'])[1 + n % 3], 'High error rate: 8.5 errors/minute',
  CASE WHEN n % 3 = 1 THEN '00000000-0000-4000-8000-0000000000aa'::uuid END,
  now() - make_interval(hours => 60 - n),
  (ARRAY['success', 'failed', 'aborted'])[1 + n % 3],
  '{"target": {"version": "v1.1"}}', ARRAY['{"step": "validate_rollback", "status": "completed", "at": "2026-01-05T14:35:00.120Z", "detail": null}'::jsonb],
  CASE WHEN n % 3 = 2 THEN '{"compliant": false, "violations": ["System already stable"], "warnings": [], "violated": ["stable_system"], "findings": [], "preconditions": []}'::jsonb
    ELSE '{"compliant": true, "violations": [], "warnings": [], "violated": [], "findings": [], "preconditions": []}'::jsonb END,
  now() - make_interval(hours => 60 - n) + interval '1 minute', '{"actor": {"kind": "service_key", "user_id": null}}',
  'storefront', 'production', 'ended', 'key-' || n, md5(n::text),
  '10000000-0000-4000-8000-000000000001', n % 4 = 0,
  CASE WHEN n = 57 THEN '10000000-0000-4000-8000-000000000039'::uuid END, NULL,
  CASE WHEN n = 58 THEN '20000000-0000-4000-8000-000000000056'::uuid END,
  CASE WHEN n = 58 THEN '{"violations": ["stable_system"], "reason": "known"}'::jsonb END,
  CASE WHEN n % 3 = 0 THEN n END,
  '{"requested": "2026-01-05T14:35:00.120Z"}', 'Verified: clean', '{"percent": 100, "text": "live"}',
  CASE WHEN n % 3 = 2 THEN '{"reason": "stop"}'::jsonb END, '{"config": {"type": "command", "argv": ["/bin/true"]}, "host_id": "h"}'
FROM generate_series(1, 59) n;
-- One is under way: upgrades do not wait for rollbacks.
INSERT INTO ops.rollback_events (event_id, deployment_id, trigger_type, trigger_reason, status, service, environment, phase, moments)
VALUES ('20000000-0000-4000-8000-000000000060', '10000000-0000-4000-8000-000000000001', 'manual', 'Critical bug', 'in_progress', 'billing', 'production', 'deploying', '{"requested": "2026-01-05T14:35:00.120Z"}');

INSERT INTO ops.system_snapshots (snapshot_id, deployment_id, snapshot_type, database_schema_hash, table_counts, key_metrics, environment_config, event_id)
SELECT gen_random_uuid(), deployment_id, type, md5(version), '{"estimated": true, "tables": {"public.users": 12}}', '{"healthy": true}', '{"policy": {}}', NULL
FROM ops.deployments, unnest(ARRAY['pre_deployment', 'post_deployment']) AS type WHERE fence <= 39;
INSERT INTO ops.system_snapshots (snapshot_id, deployment_id, snapshot_type, database_schema_hash, event_id)
SELECT ('30000000-0000-4000-8000-' || right(event_id::text, 12))::uuid, deployment_id, 'pre_rollback', 'abc', event_id
FROM ops.rollback_events;
UPDATE ops.rollback_events SET snapshot_id = '30000000-0000-4000-8000-000000000060' WHERE phase = 'deploying';

INSERT INTO ops.decisions (decision_id, deployment_id, kind, reason, violations, status, asked_at, expires_at, decided_at, decided_by, decision_reason, event_id, result_event_id)
SELECT gen_random_uuid(), ('10000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
  (ARRAY['rollback', 'late_breach', 'verify'])[1 + n % 3], 'High error rate', ARRAY['stable_system'],
  (ARRAY['approved', 'rejected', 'overridden', 'expired', 'superseded'])[1 + n % 5],
  now() - make_interval(days => 40 - n), now() - make_interval(days => 39 - n), now() - make_interval(days => 39 - n),
  '{"kind": "discord", "user_id": null, "discord_id": "80351110224678912", "name": "Ada"}', 'because',
  ('20000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, ('20000000-0000-4000-8000-' || lpad((n + 1)::text, 12, '0'))::uuid
FROM generate_series(1, 38) n;
INSERT INTO ops.decisions (decision_id, deployment_id, kind, reason, expires_at)
VALUES (gen_random_uuid(), '10000000-0000-4000-8000-000000000040', 'verify', 'Too many errors for clean', now() + interval '1 year');

INSERT INTO ops.quarantine (service, environment, git_commit, status, event_id, released_at, released_by)
SELECT 'storefront', 'production', encode(sha256(convert_to('v' || n, 'UTF8')), 'hex'), (ARRAY['quarantined', 'released'])[1 + n % 2],
  ('20000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, CASE WHEN n % 2 = 1 THEN now() END, NULL
FROM generate_series(30, 38) n;
INSERT INTO ops.quarantine (service, environment, git_commit, status, event_id)
VALUES ('billing', 'production', 'deadbeef', 'hold', '20000000-0000-4000-8000-000000000060');

INSERT INTO ops.outbox (kind, key, payload, delivered_at, attempts, last_error)
SELECT 'guard', 'guard:' || deployment_id, jsonb_build_object('deployment_id', deployment_id), now(), 1, NULL FROM ops.deployments WHERE fence < 40
UNION ALL SELECT 'rollback', 'rollback:' || event_id, '{}', CASE WHEN phase = 'ended' THEN now() END, 3, 'Temporal is away' FROM ops.rollback_events;

INSERT INTO ops.announcements (announcement_id, kind, dedupe_key, service, environment, deployment_id, payload)
SELECT ('40000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
  (ARRAY['rollback', 'decision', 'decision_expired', 'observed', 'inconclusive', 'blind', 'baseline', 'unfenced', 'orphaned'])[n],
  'told:' || n, 'storefront', 'production', '10000000-0000-4000-8000-000000000001', '{"reason": "High error rate"}'
FROM generate_series(1, 9) n;
INSERT INTO ops.announcement_messages (announcement_id, part, channel_id, message_id)
SELECT announcement_id, 'alert', '1234567890', '987654321' FROM ops.announcements;

INSERT INTO ops.freezes (freeze_id, service, environment, reason, frozen_by, unfrozen_at, unfrozen_by, unfreeze_reason) VALUES
  (gen_random_uuid(), 'storefront', 'staging', 'Inventory', '{"kind": "service_key", "user_id": null}', NULL, NULL, NULL),
  (gen_random_uuid(), NULL, NULL, 'Black Friday', '{"kind": "service_key", "user_id": null}', now(), '{"kind": "service_key", "user_id": null}', 'over');

INSERT INTO ops.rollback_labels (deployment_id, label, reason, labelled_by)
SELECT deployment_id, (ARRAY['right', 'false_alarm', 'missed'])[1 + fence % 3], NULL, '{"kind": "service_key", "user_id": null}' FROM ops.deployments WHERE fence > 30;

INSERT INTO ops.migration_history (deployment_id, migration_name, migration_hash, applied_at, rolled_back_at, rollback_successful, execution_time_ms, error_message, rollback_script)
SELECT ('10000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, '2026010' || n || '_step', md5(n::text), now() - make_interval(days => 40 - n),
  CASE WHEN n = 3 THEN now() END, CASE WHEN n = 3 THEN true END, n * 10, NULL, CASE WHEN n > 2 THEN 'DROP TABLE coupons' END
FROM generate_series(1, 5) n;

INSERT INTO ops.roman_events (event_type, severity, source, description, metadata, "timestamp")
SELECT 'rollback_validation', (ARRAY['debug', 'info', 'warning', 'error', 'critical'])[1 + n % 5], 'constitution', 'Event ' || n,
  jsonb_build_object('deployment_id', '10000000-0000-4000-8000-' || lpad((n % 40 + 1)::text, 12, '0'), 'n', n),
  now() - make_interval(secs => 5000 - n)
FROM generate_series(1, 500) n;

INSERT INTO ops.system_logs (service, environment, severity, message, source, deployment_id, version, occurred_at, received_at, idempotency_key, metadata)
SELECT 'storefront', 'production', (ARRAY['debug', 'info', 'warning', 'error', 'critical'])[1 + n % 5], 'Log ' || n, 'web', NULL, NULL,
  now() - make_interval(hours => n), now() - make_interval(hours => n), CASE WHEN n % 2 = 0 THEN 'log-' || n END, jsonb_build_object('n', n)
FROM generate_series(0, 1999) n;

INSERT INTO ops.health_samples (deployment_id, sampled_at, phase, state, reason, error_rate_per_minute, recent_errors,
  database_connections, max_database_connections, active_queries, p95_response_ms, memory_percent, entropy, details)
SELECT ('10000000-0000-4000-8000-' || lpad((n % 40 + 1)::text, 12, '0'))::uuid, now() - make_interval(mins => n * 20),
  (ARRAY['window', 'standby', 'sweep', 'verify'])[1 + n % 4], (ARRAY['healthy', 'watching', 'breach', 'unknown'])[1 + n % 4],
  'System healthy', n % 9, n % 60, 10, 100, 1, CASE WHEN n % 2 = 0 THEN 120.5 END, NULL, (n % 10) / 10.0,
  CASE WHEN n % 4 = 3 THEN '{"unavailable": ["recent_errors"]}'::jsonb END
FROM generate_series(1, 400) n;
