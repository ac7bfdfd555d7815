-- Whether somebody holds a live lease: asked once by one who is about to wait for it.
-- KEYS[1] the session
-- answers 1 or 0
local state, record = load()
return state == RECORD and record.holder ~= '' and record.lease > now and 1 or 0
