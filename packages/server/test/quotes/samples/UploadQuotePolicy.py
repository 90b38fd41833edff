payload = OrderedDict()
payload["mr_enclave"] = "870c42c59bc74c7ad22869411709e4f78ac3c76add6693bb43296b03362e5038"
payload["mr_signer"] = "c30446b4be9baf0f69728423ea613ef81a63e72acf7439fa0549001fd5482835"

params = OrderedDict()
params["appid"] = appid
params["payload"] = urllib.parse.unquote_plus(urllib.parse.urlencode(payload))
params["timestamp"] = str(int(time.time() * 1000))

sign_string = urllib.parse.unquote_plus(urllib.parse.urlencode(params))
sign = str(base64.b64encode(hmac.new(appkey.encode('utf-8'), sign_string.encode('utf-8'), digestmod=sha256).digest()),'utf-8').upper()

params["payload"] = payload
params["sign"] = sign

requests.post(url="<ehsm_srv_address>/ehsm?Action=UploadQuotePolicy", data=json.dumps(params), headers=headers)
