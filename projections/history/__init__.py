"""What was said in a conversation? (Cassandra: `timeline`, from chat.conversations)"""
