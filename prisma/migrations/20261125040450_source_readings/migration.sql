-- What the health sources of an environment said last (Prometheus, probes, the service's own database), written by the
-- worker that reads them, so that everybody judges by the same numbers as the guards do.
CREATE TABLE "ops"."source_readings" (
    "service" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    -- Fields of a health sample, each a number.
    "supplied" JSONB NOT NULL,
    -- What should have been supplied and could not: fields, or the name of a source.
    "unavailable" TEXT[] NOT NULL,
    "read_at" TIMESTAMPTZ(6) NOT NULL,
    -- From then on it is no news any more: everything in it is unavailable.
    "stale_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "source_readings_pkey" PRIMARY KEY ("service","environment")
);
-- One row an environment, written anew every second: room for the next version of it beside the last one.
ALTER TABLE ops.source_readings SET (fillfactor = 50);
