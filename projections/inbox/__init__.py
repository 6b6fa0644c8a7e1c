"""Which conversations does a user have? (Cassandra: `conversations_by_user`, from
chat.conversations). Where each of them stands is in `projections.history`."""
