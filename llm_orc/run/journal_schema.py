"""The tables of the journal and of the cache. The n-th text makes version n of version n - 1; those that were
released never change. A statement ends with its line."""

from __future__ import annotations

MIGRATIONS = (
    # What the router learns.
    """
    CREATE TABLE evidence (
        id INTEGER PRIMARY KEY, ts REAL NOT NULL, model TEXT NOT NULL, task TEXT NOT NULL,
        source TEXT NOT NULL, score REAL, token_ratio REAL, seconds_per_token REAL
    );
    CREATE INDEX evidence_by_model ON evidence (model, task, id);
    CREATE TABLE served (
        run TEXT NOT NULL, agent TEXT NOT NULL, model TEXT NOT NULL, task TEXT NOT NULL, ts REAL NOT NULL,
        PRIMARY KEY (run, agent)
    ) WITHOUT ROWID;
    """,
    # Runs. Times are Unix time. `text`, `inputs`, `output`, and the texts in JSON columns are null where
    # content is not kept. `attempts` are the processes that worked at a run, `agents` is the sum of what
    # events say about each agent, and `occurrence` counts the answers to the same request of an agent.
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, ensemble TEXT NOT NULL, source TEXT NOT NULL,
        text TEXT, hash TEXT NOT NULL, inputs TEXT, settings TEXT NOT NULL,
        status TEXT NOT NULL, started_at REAL NOT NULL, ended_at REAL, output TEXT, error TEXT,
        input_tokens INTEGER, output_tokens INTEGER, cost_usd REAL, trace_id TEXT
    );
    CREATE INDEX runs_by_start ON runs (started_at);
    CREATE TABLE attempts (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, number INTEGER NOT NULL,
        started_at REAL NOT NULL, ended_at REAL, status TEXT NOT NULL, process TEXT NOT NULL,
        PRIMARY KEY (run, number)
    ) WITHOUT ROWID;
    CREATE TABLE events (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, seq INTEGER NOT NULL, ts REAL NOT NULL,
        type TEXT NOT NULL, agent TEXT, json TEXT NOT NULL, PRIMARY KEY (run, seq)
    ) WITHOUT ROWID;
    CREATE INDEX events_of_plans ON events (run, seq) WHERE type = 'planned';
    CREATE TABLE agents (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, agent TEXT NOT NULL,
        first_seq INTEGER NOT NULL, started INTEGER NOT NULL DEFAULT 0, succeeded INTEGER NOT NULL DEFAULT 0,
        failed INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0, model TEXT, strategy TEXT,
        calls INTEGER NOT NULL DEFAULT 0, samples INTEGER NOT NULL DEFAULT 0,
        input_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0, cost_usd REAL,
        started_at REAL, ended_at REAL, error TEXT, PRIMARY KEY (run, agent)
    ) WITHOUT ROWID;
    CREATE TABLE requests (
        id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, key BLOB NOT NULL,
        model TEXT NOT NULL, json TEXT, UNIQUE (run, key)
    );
    CREATE TABLE calls (
        id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, agent TEXT NOT NULL,
        kind TEXT NOT NULL DEFAULT 'model',
        number INTEGER NOT NULL, key BLOB NOT NULL, occurrence INTEGER NOT NULL, attempt INTEGER NOT NULL,
        model TEXT NOT NULL, status TEXT NOT NULL, response TEXT, checksum INTEGER NOT NULL, error TEXT,
        input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost_usd REAL,
        started_at REAL NOT NULL, duration_s REAL NOT NULL
    );
    CREATE INDEX calls_by_run ON calls (run);
    CREATE INDEX calls_by_start ON calls (started_at) WHERE kind = 'model';
    """,
    # In which wording agents were asked; what runs were worth, and with an agent, what its part in them was.
    """
    CREATE TABLE variants (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, agent TEXT NOT NULL, variant TEXT NOT NULL,
        wording TEXT NOT NULL, PRIMARY KEY (run, agent)
    ) WITHOUT ROWID;
    CREATE TABLE scores (
        id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, agent TEXT,
        score REAL NOT NULL, source TEXT NOT NULL, ts REAL NOT NULL
    );
    CREATE INDEX scores_by_run ON scores (run, agent);
    """,
    # The other files that the ensemble is made of, as JSON; and checksums, null in rows that are older.
    """
    ALTER TABLE runs ADD COLUMN parts TEXT;
    ALTER TABLE runs ADD COLUMN checksum INTEGER;
    ALTER TABLE runs ADD COLUMN output_checksum INTEGER;
    ALTER TABLE events ADD COLUMN checksum INTEGER;
    ALTER TABLE requests ADD COLUMN checksum INTEGER;
    """,
    # What agents answered is searched: of all events these few.
    """
    CREATE INDEX events_of_ends ON events (run, seq) WHERE type = 'agent_finished';
    """,
)

CACHE_MIGRATIONS = (
    # `size` has one row: the bytes of all responses.
    """
    CREATE TABLE answers (
        key BLOB PRIMARY KEY, response TEXT NOT NULL, checksum INTEGER NOT NULL, size INTEGER NOT NULL,
        used_at REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX answers_by_use ON answers (used_at, size);
    CREATE TABLE size (total INTEGER NOT NULL);
    INSERT INTO size VALUES (0);
    CREATE TRIGGER answer_came AFTER INSERT ON answers BEGIN UPDATE size SET total = total + new.size; END;
    CREATE TRIGGER answer_went AFTER DELETE ON answers BEGIN UPDATE size SET total = total - old.size; END;
    """,
)
