// RecordTable
