"""How far has each member got, and when did it get there? (Cassandra: `marker_moves`, from
chat.receipts)"""
