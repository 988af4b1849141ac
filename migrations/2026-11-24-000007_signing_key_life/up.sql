-- A key is announced, then active, then retired; each has the times of the steps it took.
ALTER TABLE signing_keys ADD COLUMN promotable_at timestamptz;
ALTER TABLE signing_keys ADD COLUMN promoted_at timestamptz;
ALTER TABLE signing_keys ADD COLUMN retired_at timestamptz;
UPDATE signing_keys SET promoted_at = created_at;
UPDATE signing_keys SET retired_at = now() WHERE state = 'retired';

ALTER TABLE signing_keys DROP CONSTRAINT signing_keys_state_known;
ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_state_known CHECK (
    state IN ('announced', 'active', 'retired')
);
-- A release from before these columns makes a first key without them: it signs from when it was
-- made.
ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_times_fit CHECK (
    CASE state
        WHEN 'announced' THEN promotable_at IS NOT NULL AND promoted_at IS NULL
            AND retired_at IS NULL
        WHEN 'active' THEN retired_at IS NULL
        ELSE retired_at IS NOT NULL
    END
);

-- Of those who announce at the same moment, one does.
CREATE UNIQUE INDEX signing_keys_one_announced_per_algorithm
    ON signing_keys (algorithm) WHERE state = 'announced';
