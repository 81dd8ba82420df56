from tasks import charge

handle = charge.enqueue(7, 1999)
print(handle.result(timeout=10))
