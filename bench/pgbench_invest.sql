\set loan random(1, :loans)
\set investor random(1, 2000)
\set key random(1, 1000000000000000)
BEGIN;
SELECT id, target, funded, status, account_id FROM loan WHERE id = :loan FOR UPDATE;
UPDATE account SET balance = balance - 10000 WHERE id = :investor AND balance >= 10000;
UPDATE account SET balance = balance + 10000 WHERE id = 1000000 + :loan;
UPDATE loan SET funded = funded + 10000 WHERE id = :loan;
WITH made AS (
  INSERT INTO investment (id, loan_id, investor_id, amount, idempotency_key)
  VALUES (gen_random_uuid(), :loan, :investor, 10000, :key::text) RETURNING id)
INSERT INTO entry (investment_id, account_id, amount)
SELECT id, account, amount FROM made, (VALUES (:investor::bigint, -10000), (1000000 + :loan::bigint, 10000)) AS t (account, amount);
END;
