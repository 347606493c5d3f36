select ordinal, seq, signals from written
