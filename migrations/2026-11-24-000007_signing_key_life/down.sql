DELETE FROM signing_keys WHERE state = 'announced';
ALTER TABLE signing_keys DROP CONSTRAINT signing_keys_times_fit;
ALTER TABLE signing_keys DROP CONSTRAINT signing_keys_state_known;
ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_state_known CHECK (
    state IN ('active', 'retired')
);
DROP INDEX signing_keys_one_announced_per_algorithm;
ALTER TABLE signing_keys DROP COLUMN promotable_at;
ALTER TABLE signing_keys DROP COLUMN promoted_at;
ALTER TABLE signing_keys DROP COLUMN retired_at;
